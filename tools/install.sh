#!/bin/sh
# install.sh DESTDIR PYTHON: lay the files as the packages do. Needs sh, coreutils and nothing from the network.
set -eu
umask 022
cd "$(dirname "$0")/.."
dest=${1%/} python=$2
share=/usr/share/vzhooks
case $python in
    /*) ;;
    *) python=$(command -v "$python") ;;    # a first line needs a path
esac

# COMPILE=no: packages do that where they are installed, with the Python that is there.

# The package: built beside and then exchanged, so that a module which is gone in the source goes there too.
new=$dest$share/.new.$$
trap 'rm -rf "$new"' EXIT
mkdir -p "$new"
cp -R --preserve=timestamps vzhooks "$new/"
rm -rf "$new"/vzhooks/__pycache__ "$new"/vzhooks/*/__pycache__
chmod -R u=rwX,go=rX "$new"
if [ "${COMPILE-}" = no ]; then
    :
elif "$python" -I -c '' 2>/dev/null; then
    "$python" -I -m compileall -q -d "$share/vzhooks" "$new/vzhooks"
else
    echo "install: $python does not run here: no .pyc files" >&2
fi
rm -rf "$dest$share/vzhooks"
mv "$new/vzhooks" "$dest$share/vzhooks"

# The four programs, all from hook.in.
program() {    # program DIRECTORY NAME MODULE FUNCTION SHARE
    mkdir -p "$dest$1"
    sed -e "s|@PYTHON@|$python|" -e "s|@NAME@|$2|" -e "s|@MODULE@|$3|" -e "s|@FUNCTION@|$4|" \
        -e "s|@SHARE@|$5|" tools/hook.in >"$dest$1/$2.new"
    chmod 0755 "$dest$1/$2.new"
    mv -f "$dest$1/$2.new" "$dest$1/$2"
}
for verb in external mount umount; do
    program /usr/libexec/vzhooks vzhook-$verb hooks $verb ../../share/vzhooks
done
program /usr/sbin vzhook command main ../share/vzhooks

# /etc is the administrator's: a file that is there and differs stays, ours goes beside it.  What makes vzctl call us is
# 'vzhook install'.
conf() {    # conf FILE TARGET
    target=$dest/$2
    mkdir -p "${target%/*}"
    if [ -e "$target" ] || [ -L "$target" ]; then
        if [ "$(cat "$1")" = "$(cat "$target")" ]; then
            return
        fi
        echo "install: /$2 is another one: kept, ours is $target.vzhooks-new" >&2
        target=$target.vzhooks-new
    fi
    install -m 0644 "$1" "$target"
}
conf etc/vz/vzhooks.conf etc/vz/vzhooks.conf

# logrotate takes every file in its directory; ours beside one that differs would count twice.
if [ ! -e "$dest/etc/logrotate.d/vzhooks" ]; then
    conf packaging/logrotate/vzhooks etc/logrotate.d/vzhooks
fi

mkdir -p "$dest/usr/lib/systemd/system"
install -m 0644 packaging/systemd/*.service packaging/systemd/*.timer "$dest/usr/lib/systemd/system/"

# For nodes without systemd; a node with it would run both.
mkdir -p "$dest$share/sysv"
install -m 0755 packaging/sysv/vzhooks "$dest$share/sysv/"

# Man pages and completion, made of the command line's own help: in a release beforehand, else where click and the others
# are there.
if [ -d pages ]; then
    mkdir -p "$dest/usr/share"
    cp -R pages/. "$dest/usr/share/"
elif ! "$python" -B tools/pages.py "$dest/usr/share" 2>/dev/null; then
    echo "install: $python has no click, Jinja2 or netaddr here: no man pages, no shell completion" >&2
fi

mkdir -p "$dest/usr/share/doc/vzhooks/docs"
install -m 0644 docs/* "$dest/usr/share/doc/vzhooks/docs/"
rm -rf "$dest/usr/share/doc/vzhooks/contrib"
cp -R contrib "$dest/usr/share/doc/vzhooks/"
chmod -R u=rwX,go=rX "$dest/usr/share/doc/vzhooks/contrib"
for file in README.md CHANGELOG.md SECURITY.md LICENSE; do
    if [ -f $file ]; then install -m 0644 $file "$dest/usr/share/doc/vzhooks/"; fi
done
