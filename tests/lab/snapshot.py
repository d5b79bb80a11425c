"""All of a node's network state as text, for byte-for-byte comparison of before and after."""
import difflib
import re
from typing import Dict, List

from tests.lab.process import Host

# One shell for all of it: a round through nsenter per listing would take longer than a container's start.
# grep ends with 2 because of stable_secret, which is unreadable until it is set.
SCRIPT = '''
set -e
section() { echo "==== $1"; shift; "$@"; }
section links ip -d link show
section addresses ip -o addr show
section 'routes IPv4' ip -4 -d route show table all
section 'routes IPv6' ip -6 -d route show table all
section 'rules IPv4' ip -4 -d rule show
section 'rules IPv6' ip -6 -d rule show
section 'neighbour proxies' ip -4 neigh show proxy
section 'neighbour proxies IPv6' ip -6 neigh show proxy
section fdb bridge fdb show
if command -v nft >/dev/null; then section nftables nft list ruleset; fi
section sysctls grep -rs '' /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf || true
'''

# What changes by itself: times, states that the kernel reaches a moment later, numbers that count from one call to the next.
VOLATILE = re.compile(
    r'\b(?:\w+_timer|topology_change\w*) +[\d.]+| (?:link-netnsid|expires|used|age) \w+| state \w+'
    r'| (?:linkdown|tentative|optimistic|dadfailed)\b')
CARRIER = re.compile(r',(?:NO-CARRIER|LOWER_UP)\b|\bNO-CARRIER,')
# What the kernel adds for each IPv6 address (listed itself) once its duplicate detection is over, a second or two later.
AFTER_DAD = re.compile(r'(?:local|anycast) [0-9a-f:]*:[0-9a-f:]* .*\bproto kernel\b|33:33:ff:.* self permanent')
COUNTERS = re.compile(r'\b(packets|bytes) \d+| expires \w+')


def snapshot(host: Host) -> str:
    """Links, addresses, routes of all tables, rules, proxies, static fdb entries, nft, sysctls of `host` (a Host).

    Leaves out what is different from one call to the next though nothing was changed, and interface numbers, so that a
    device that was removed and made again the same is the same.
    """
    sections: Dict[str, List[str]] = {}
    for line in host.run(['sh', '-c', SCRIPT]).stdout.splitlines():
        if line.startswith('==== '):
            lines = sections.setdefault(line[5:], [])
        elif line.strip():
            lines.append(line)
    text = []
    for title, lines in sections.items():
        text += ['==== ' + title] + _settled(title, lines)
    return '\n'.join(text) + '\n'


def diff(before: str, after: str) -> str:
    """What changed between two snapshots, with the section's name at each place; '' when nothing did."""
    def titled(text: str) -> List[str]:
        title, lines = '', []
        for line in text.splitlines():
            if line.startswith('==== '):
                title = line[5:]
            else:
                lines.append('{}: {}'.format(title, line))
        return lines
    return '\n'.join(difflib.unified_diff(titled(before), titled(after), 'before', 'after', lineterm='', n=0))


def _settled(title: str, lines: List[str]) -> List[str]:
    if title == 'nftables':
        return [COUNTERS.sub(lambda found: found.group(1) or '', line) for line in _without_idle_table(lines)]
    if title == 'sysctls':
        return _sysctls(lines)
    if title == 'links':
        return _links(lines)
    if title == 'fdb':  # learned entries come and go with the traffic
        lines = [line for line in lines if re.search(r'\b(permanent|static)\b', line)]
    if title == 'addresses':  # the order within a device counts: the first is the primary one
        return sorted((_squeeze(re.sub(r'^\d+: |\\.*', '', line)) for line in lines), key=lambda line: line.split()[0])
    if title.startswith('rules'):  # two of one preference apply in their order
        return [_squeeze(line) for line in lines]
    return sorted(_squeeze(line) for line in lines if not AFTER_DAD.match(line))


def _without_idle_table(lines: List[str]) -> List[str]:
    """Without the table that all filtered containers share, which stays for the next one, as long as it has nobody's element."""
    for table in ('vzhooks_antispoof', 'vzhooks_antispoof_sign'):
        if 'table netdev {} {{'.format(table) in lines:
            first = lines.index('table netdev {} {{'.format(table))
            last = lines.index('}', first)
            idle = not any('elements = ' in line or 'hook ingress' in line for line in lines[first:last])
            lines = lines[:first] + lines[last + 1:] if idle else lines
    return lines


def _squeeze(line: str) -> str:
    return ' '.join(VOLATILE.sub(' ', line).split())


def _links(lines: List[str]) -> List[str]:
    """One line a device, sorted by name. The peer of a veth in another namespace is a mere number (`@if7`)."""
    devices: List[str] = []
    for line in lines:
        if not line.startswith(' '):
            devices.append(re.sub(r'^\d+: (\S+?)(@if\d+)?: ', r'\1 ', line))
        else:
            devices[-1] += ' ' + line
    return sorted(_squeeze(CARRIER.sub('', device)) for device in devices)


def _sysctls(lines: List[str]) -> List[str]:
    """`all` and `default` in full, of each device what differs from `default`."""
    values: Dict[str, str] = {}
    for line in lines:
        path, _, value = line.partition(':')
        values[path] = value
    kept = []
    for path, value in values.items():
        directory, device, name = path.rsplit('/', 2)
        if device in ('all', 'default') or value != values.get('{}/default/{}'.format(directory, name)):
            kept.append('{} = {}'.format(path[len('/proc/sys/'):], value))
    return sorted(kept)
