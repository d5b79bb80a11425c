#!/bin/bash
# What people run today: our own equivalent of the OpenVZ wiki's script, for one veth, called as `start.sh init veth DEVICE`.
# It takes the wiki's steps in the wiki's manner: both confs sourced, NETIF taken apart with text tools, a command at a time,
# those inside through `vzctl exec`. The ifname suffixes of variables are ours, so that it can do several veths at all.
. "$ROOT/etc/vz/vz.conf"
. "$ROOT/etc/vz/conf/$VEID.conf"
device=$3
for netif in $(echo "$NETIF" | tr ';' '\n'); do
    if [ "$(echo "$netif" | sed -n 's/.*host_ifname=\([^,]*\).*/\1/p')" = "$device" ]; then
        ifname=$(echo "$netif" | sed -n 's/^ifname=\([^,]*\).*/\1/p')
    fi
done
if [ -z "$ifname" ]; then
    echo "$device is not in NETIF of CT $VEID" >&2
    exit 1
fi
list=VETH_IP_ADDRESS
[ "$ifname" = eth0 ] || list=VETH_IP_ADDRESS_$ifname

set -e
ip link set dev "$device" up
ip link set dev "$device" master "$BRIDGEDEV"
vzctl exec "$VEID" ip link set dev "$ifname" up
for address in ${!list}; do
    echo "$address on $ifname of CT $VEID"
    vzctl exec "$VEID" ip address add "$address" dev "$ifname"
    ip route add "${address%/*}" dev "$BRIDGEDEV"
done
if [ "$ifname" = eth0 ]; then
    vzctl exec "$VEID" ip route add "$CT0_IP" dev "$ifname"
    vzctl exec "$VEID" ip route add default via "$VE_DEFAULT_GATEWAY" dev "$ifname"
fi
