"""The confs of the lab's containers: scenario 1 of the mission, in both generations."""

UUID = 'b1c2d3e4-0000-4111-8222-333344445555'
FIRST = '85.86.87.195'
SECOND = '85.86.87.196'


def netif(veid: object, *names: str, bridge: str = '', network: str = '') -> str:
    """A NETIF line with an interface for each name (eth0 when none is given); MACs are a function of veid and place."""
    number = int(str(veid)[:8], 16) % 256
    parts = []
    for index, name in enumerate(names or ('eth0',)):
        part = 'ifname={},mac=00:18:51:00:{:02X}:{:02X},host_ifname={},host_mac=00:18:51:0F:{:02X}:{:02X}'.format(
            name, number, index, host_ifname(veid, index), number, index)
        part += ',bridge=' + bridge if bridge else ''
        part += ',type=bridge,network=' + network if network else ''
        parts.append(part)
    return 'NETIF="{}"\n'.format(';'.join(parts))


def host_ifname(veid: object, index: int = 0) -> str:
    return 'veth{}.{}'.format(str(veid)[:8], index)


def bridged(veid: object, address: str = FIRST + '/26', gateway: str = '85.86.87.193', bridge: str = 'br0',
            network: str = '') -> str:
    """Scenario 1: one veth in a bridge, with CT<->HN routes."""
    return (netif(veid, network=network) + 'CONFIG_CUSTOMIZED="yes"\nVETH_IP_ADDRESS="{}"\nVE_DEFAULT_GATEWAY="{}"\n'
            'BRIDGEDEV="{}"\n'.format(address, gateway, bridge))
