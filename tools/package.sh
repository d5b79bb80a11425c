#!/bin/sh
# package.sh deb|rpm [VERSION]: build a package of this tree into dist/ (or $DIST), the same bytes each time.  PYTHON: one with the
# libraries (.venv's).  VERSION is for tests of upgrades.  The rpm's bundle is fetched once, to ~/.cache/vzhooks/bundle.
set -eu
umask 022
cd "$(dirname "$0")/.."
top=$PWD kind=$1
version=${2:-$("$PYTHON" -Bc 'import vzhooks; print(vzhooks.__version__)')}
build=$top/build/$kind-$version name=vzhooks-$version
rm -rf "$build"
dist=${DIST:-$top/dist}
mkdir -p "$build/$name" "$dist"
# The time of everything in a package: of the release, or of what it is built from.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(sh tools/epoch.sh "$version")}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC PYTHONDONTWRITEBYTECODE=1

# The source as it is here, with what pages.py makes of it.
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard -- vzhooks tools packaging etc docs contrib ./*.md LICENSE setup.cfg setup.py |
        xargs -0 sh -c 'for file; do [ ! -e "$file" ] || printf "%s\0" "$file"; done' sh
else
    find vzhooks tools packaging etc docs contrib ./*.md LICENSE setup.cfg setup.py -type f -print0
fi | xargs -0 cp -P --parents -t "$build/$name"
cd "$build/$name"
find . -name __pycache__ -prune -exec rm -rf {} +
sed -i "s/^__version__ = .*/__version__ = \"$version\"/" vzhooks/__init__.py
"$PYTHON" tools/pages.py pages
chmod -R u=rwX,go=rX .
find . -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +

deb() {
    cp -R packaging/debian debian
    printf 'vzhooks (%s) unstable; urgency=medium\n\n  * CHANGELOG.md says what has changed.\n\n -- %s  %s\n' "$version" \
        "$(sed -n 's/^Maintainer: //p' debian/control)" "$(date -R -d "@$SOURCE_DATE_EPOCH")" >debian/changelog
    dpkg-buildpackage -us -uc -b -rfakeroot
    mv "$build"/*.deb "$dist/"
}

fetch() {    # each file of packaging/bundle.txt, checked by its checksum each time
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/vzhooks/bundle
    mkdir -p "$cache" "$build/SOURCES"
    sed -n 's/^\([A-Za-z0-9_]*\)==\([^ ]*\) --hash=sha256:\(.*\)$/\1 \2 \3/p' "$top/packaging/bundle.txt" |
        while read -r package release sum; do
            if ! grep -qs "^$sum " "$cache/sums"; then
                form=--only-binary=:all:
                if [ "$package" = MarkupSafe ]; then form=--no-binary=:all:; fi
                "$PYTHON" -m pip -q download --no-deps $form -d "$cache" "$package==$release" </dev/null
                (cd "$cache" && sha256sum -- *.whl *.tar.gz 2>/dev/null >sums) || :
            fi
            file=$(sed -n "s/^$sum  //p" "$cache/sums")
            echo "$sum  $cache/$file" | sha256sum -c --quiet
            cp "$cache/$file" "$build/SOURCES/"
        done
}

rpm() {
    fetch
    tar -C "$build" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$name" |
        gzip -9n >"$build/SOURCES/$name.tar.gz"
    rpmbuild -bb --define "_topdir $build" --define "vzhooks_version $version" --define "_prefix /usr" \
        --define "_libexecdir /usr/libexec" --define "_sbindir /usr/sbin" --define "_datadir /usr/share" \
        --define "_mandir /usr/share/man" --define "vzhooks_date $(date -d "@$SOURCE_DATE_EPOCH" '+%a %b %d %Y')" \
        packaging/rpm/vzhooks.spec
    mv "$build"/RPMS/noarch/*.rpm "$dist/"
}

exec 3>&1 4>&2 >"$build/log" 2>&1
trap 'code=$?; [ $code = 0 ] || tail -n 40 "$build/log" >&4' EXIT    # not `||` behind it, which would end `set -e` within
"$kind"
ls "$dist"/vzhooks[_-]"$version"*."$kind" >&3
