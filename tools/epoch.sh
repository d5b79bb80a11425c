#!/bin/sh
# epoch.sh VERSION: seconds since 1970 that the packages of VERSION bear: its date in CHANGELOG.md, else of the last commit.
set -eu
cd "$(dirname "$0")/.."
date=$(sed -n "s/^## $(echo "$1" | sed 's/\./\\./g') (\([0-9-]*\))$/\1/p" CHANGELOG.md)
if [ -n "$date" ]; then
    date -u -d "$date" +%s
else
    git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md
fi
