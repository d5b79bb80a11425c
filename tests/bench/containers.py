"""The containers that are measured: their conf, and what vzctl has made when it calls the hooks."""
import ipaddress
from typing import Iterator, List

BRIDGE = 'br0'
PREFIX = 16
GATEWAY = '10.20.255.254'
CT0 = '10.0.0.2'
VZ_CONF = 'CT0_IP="{}"\n'.format(CT0)
_NET = int(ipaddress.ip_address('10.20.0.0'))


def addresses(first: int, count: int) -> List[str]:
    """COUNT addresses from number FIRST on, as 10.20.0.N/16; nobody else in the lab has any of 10.20.0.0/16."""
    return ['{}/{}'.format(ipaddress.ip_address(_NET + number), PREFIX) for number in range(first, first + count)]


class Container:
    """Container VEID with VETHS veths of EACH addresses; the first veth has the gateway and the route to the node."""

    def __init__(self, veid: int, veths: int = 1, each: int = 1, first: int = 1) -> None:
        self.veid = str(veid)
        self.veths = [addresses(first + number * each, each) for number in range(veths)]

    def ifname(self, number: int) -> str:
        return 'eth{}'.format(number)

    def device(self, number: int) -> str:
        return 'veth{}.{}'.format(self.veid, number)

    def mac(self, number: int, host: bool = False) -> str:
        """The host's begins with fe, as vzctl gives them out: a bridge never takes it for its own."""
        low = int(self.veid) * 8 + number
        return '{}:18:51:{:02x}:{:02x}:{:02x}'.format('fe' if host else '00', low >> 16, low >> 8 & 255, low & 255)

    def conf(self) -> str:
        netif = ';'.join('ifname={},mac={},host_ifname={},host_mac={}'.format(
            self.ifname(number), self.mac(number), self.device(number), self.mac(number, True))
            for number in range(len(self.veths)))
        rows = ['NETIF="{}"'.format(netif), 'CONFIG_CUSTOMIZED="yes"', 'VE_DEFAULT_GATEWAY="{}"'.format(GATEWAY),
                'BRIDGEDEV="{}"'.format(BRIDGE)]
        for number, given in enumerate(self.veths):
            rows.append('VETH_IP_ADDRESS{}="{}"'.format('_' + self.ifname(number) if number else '', ' '.join(given)))
        return '\n'.join(rows) + '\n'

    def links(self) -> Iterator[str]:
        """`ip` lines that make the veths, as vzctl does: both ends down."""
        for number in range(len(self.veths)):
            yield 'link add {} address {} type veth peer name {} address {} netns {}'.format(
                self.device(number), self.mac(number, True), self.ifname(number), self.mac(number), self.veid)

    def unlinks(self) -> Iterator[str]:
        for number in range(len(self.veths)):
            yield 'link del {}'.format(self.device(number))
