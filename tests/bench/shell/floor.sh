#!/bin/sh
# The least that can be done: floor.sh NODE-FILE [VEID CONTAINER-FILE]
ip -batch "$1" || exit
[ -z "$2" ] || exec ip -n "$2" -batch "$3"
