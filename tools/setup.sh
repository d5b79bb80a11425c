#!/bin/sh
# setup.sh GOAL: bring this machine and .venv/ to where GOAL (demo, test, lint or package) can run. Quick when nothing has changed.
# PYTHON is the interpreter that .venv is made with: python3 unless given.
set -eu
cd "$(dirname "$0")/.."
goal=${1:?usage: setup.sh demo|test|lint|package}
python=${PYTHON:-python3}
log=$PWD/.venv-setup.log
PATH=$PATH:/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { echo "setup: $*"; }
die() { say "$*" >&2; exit 1; }
quietly() {    # quietly COMMAND…: output to the log, shown only when it fails
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 40 "$log" >&2
    say "failed: $*" >&2
    return 1
}

[ -w . ] || die "$PWD is not yours to write to: clone vzhooks into a directory of your own"

# --- system packages: tools/packages.txt says which
case $goal in
    demo) scope='all lab' ;;
    lint) scope=all ;;
    package) scope='all packages' ;;
    *)    scope='' ;;      # every line
esac
wanted() { [ -z "$scope" ] || case " $scope " in *" $1 "*) ;; *) return 1 ;; esac; }
there() {
    case $1 in
        python:*) "$python" -c "import ${1#*:} as m; assert m.__file__" 2>/dev/null ;;    # no empty folder's namespace
        *) command -v "$1" >/dev/null ;;
    esac
}
find_missing() {    # sets missing (packages), why (one a line), stop (nothing, or that GOAL cannot go on)
    missing='' why='' stop=''
    while read -r probe deb rpm for reason; do
        case $probe in ''|'#'*) continue ;; esac
        if ! wanted "$for" || there "$probe"; then continue; fi
        package=$deb
        case $tool in dnf|yum) package=$rpm ;; esac
        case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
        why="$why  $package: $probe is not there ($for: $reason)
"
        if [ "$for" = all ] || [ "$goal" = demo ]; then stop=yes; fi
    done <tools/packages.txt
    missing=${missing# }
}
install() {    # install [sudo]: the missing packages; one by one where they do not go together, as when one is unknown
    if [ "$tool" = apt-get ]; then quietly $1 apt-get update || return 1; fi
    set -- $1 env DEBIAN_FRONTEND=noninteractive "$tool" install -y
    if [ "$tool" = apt-get ]; then set -- "$@" --no-install-recommends; fi
    quietly "$@" $missing && return
    for package in $missing; do quietly "$@" "$package" || true; done
}

tool=''
for t in apt-get dnf yum; do command -v $t >/dev/null && { tool=$t; break; }; done
find_missing
if [ -n "$missing" ]; then
    if [ -n "$tool" ] && [ "$(id -u)" = 0 ]; then
        say "installing $missing"
        install '' || true
    elif [ -n "$tool" ] && [ -t 0 ] && [ -t 1 ] && command -v sudo >/dev/null; then
        printf 'setup: missing:\n%ssetup: install %s with sudo %s? [y/N] ' "$why" "$missing" "$tool"
        read -r answer
        case $answer in [yY]*) sudo -v && install sudo || true ;; esac
    fi
    find_missing
fi
if [ -n "$missing" ]; then
    printf 'setup: missing:\n%s' "$why" >&2
    say "to install them, as root: ${tool:-apt-get} install $missing" >&2
    [ -z "$stop" ] || exit 1
    say "going on; the tests that need them are listed by name as left out" >&2
fi

"$python" -c '' 2>/dev/null || die "$python does not run: install the package python3, or give another with PYTHON="

# --- .venv: made anew when the interpreter is another, filled when the requirements of setup.cfg have changed
base=$("$python" -c 'import sys; print(sys.version.split()[0], sys.base_prefix)')
if [ "$(cat .venv/made-with 2>/dev/null)" != "$base" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    say "making .venv with Python $base"
    rm -rf .venv
    quietly "$python" -m venv .venv || { rm -rf .venv; exit 1; }
    case $base in    # the pip that 3.6 brings is too old for today's wheels
        3.6.*) quietly .venv/bin/python -m pip install -q pip==21.3.1 || { rm -rf .venv; exit 1; } ;;
    esac
    echo "$base" >.venv/made-with
fi
case $goal in demo|package) groups=run ;; *) groups="run $goal" ;; esac
needs=$("$python" tools/deps.py $groups)
if [ "$(cat ".venv/filled-for-$goal" 2>/dev/null)" != "$needs" ]; then
    say "installing into .venv:" $needs
    ( set -f; quietly .venv/bin/python -m pip install -q $needs )    # -f: a requirement is no file name pattern
    echo "$needs" >".venv/filled-for-$goal"
fi
