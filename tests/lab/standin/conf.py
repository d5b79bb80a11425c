"""A container's conf file as far as vzctl itself needs it: NETIF, and the names and MACs that vzctl makes up."""
import os
import re
import zlib
from typing import Dict, List, Optional

ASSIGNMENT = r'^[ \t]*{}=(?:"([^"]*)"|\'([^\']*)\'|([^\s#]*))'


def variable(text: str, name: str) -> Optional[str]:
    """The value that the last assignment to `name` in a shell file gives it, without expansion; None without one."""
    value = None
    for found in re.finditer(ASSIGNMENT.format(name), text, re.MULTILINE):
        value = next(group for group in found.groups() if group is not None)
    return value


class Netif:
    """One interface of NETIF. `given` has its keys as they stand in the conf; the properties are what vzctl makes of them."""

    def __init__(self, given: Dict[str, str], veid: str, number: int, modern: bool) -> None:
        self.given, self._veid, self._number, self._modern = given, veid, number, modern

    @property
    def ifname(self) -> str:
        return self.given.get('ifname') or 'eth{}'.format(self._number)

    @property
    def host_ifname(self) -> str:
        if self.given.get('host_ifname'):
            return self.given['host_ifname']
        if self._modern:
            return 'veth{:08x}'.format(self._hash('host'))
        return 'veth{}.{}'.format(self._veid, self._number)

    @property
    def mac(self) -> str:
        return self.given.get('mac') or self._mac('ct')

    @property
    def host_mac(self) -> str:
        return self.given.get('host_mac') or self._mac('host')

    @property
    def routed(self) -> bool:
        """A veth of its own network, without a bridge: the node routes (modern)."""
        return self._modern and self.given.get('type') == 'routed'

    def list(self, key: str) -> List[str]:
        """The values of `ip` (`:` between them) or `ip6` (`,`)."""
        return [word for word in self.given.get(key, '').split(',' if key == 'ip6' else ':') if word]

    def _hash(self, salt: str) -> int:
        # vzctl draws random numbers; here the same container has the same ones each time, so that a failing test fails again.
        return zlib.crc32('{} {} {}'.format(salt, self._veid, self._number).encode())

    def _mac(self, salt: str) -> str:
        prefix = '00:1c:42' if self._modern else '00:18:51'
        return prefix + ''.join(':{:02x}'.format(self._hash(salt) >> shift & 255) for shift in (16, 8, 0))

    def __str__(self) -> str:
        return ','.join('{}={}'.format(*item) for item in self.given.items())


def parse_netif(text: str, veid: str, modern: bool) -> List[Netif]:
    """NETIF's value: `;` between interfaces, `,` between key=value. A word without `=` belongs to the key before (ip6)."""
    netifs: List[Netif] = []
    for part in text.replace('${VEID}', veid).replace('$VEID', veid).split(';'):
        given: Dict[str, str] = {}
        key = ''
        for word in part.split(','):
            word = word.strip()
            if '=' in word:
                key, _, value = word.partition('=')
                given[key] = value
            elif word and key:
                given[key] += ',' + word
        if given:
            netifs.append(Netif(given, veid, len(netifs), modern))
    return netifs


class CtConf:
    """$VEID.conf, a symbolic link on modern nodes: what is behind it is read and written."""

    def __init__(self, path: str, veid: str, modern: bool) -> None:
        self.path, self._veid, self._modern = path, veid, modern

    def _text(self) -> str:
        with open(self.path, encoding='utf-8', newline='') as f:
            return f.read()

    def netifs(self) -> List[Netif]:
        return parse_netif(variable(self._text(), 'NETIF') or '', self._veid, self._modern)

    def addresses(self) -> List[str]:
        """IP_ADDRESS: venet's addresses, with or without masks."""
        return (variable(self._text(), 'IP_ADDRESS') or '').split()

    def save_netifs(self, netifs: List[Netif]) -> None:
        """Replace all assignments to NETIF by one."""
        text = re.sub(ASSIGNMENT.format('NETIF') + r'[^\n]*\n?', '', self._text(), flags=re.MULTILINE)
        if text and not text.endswith('\n'):
            text += '\n'
        real = os.path.realpath(self.path)
        with open(real + '.new', 'w', encoding='utf-8', newline='') as f:
            f.write('{}NETIF="{}"\n'.format(text, ';'.join(map(str, netifs))))
        os.chmod(real + '.new', 0o644)
        os.rename(real + '.new', real)
