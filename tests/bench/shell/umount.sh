#!/bin/bash
# The shell's stop: the routes of all veths, one command each.
. "$ROOT/etc/vz/conf/$VEID.conf"
for list in ${!VETH_IP_ADDRESS*}; do
    for address in ${!list}; do
        echo "no route to ${address%/*} any more"
        ip route del "${address%/*}" dev "$BRIDGEDEV"
    done
done
