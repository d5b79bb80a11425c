"""An independent reading of a node: pyroute2, and the JSON of nft. None of the product's code, none of iproute2's texts."""
import json
import os
import subprocess
import sys
from typing import Any, Dict, List, Set

from tests.lab.node import Node

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = 118  # the product's routing protocol


class Answering:
    """A program of this directory in a node's namespaces, which answers each line by one of JSON."""

    def __init__(self, node: Node, program: str) -> None:
        self._process: subprocess.Popen[str] = node.popen(
            [sys.executable, '-B', os.path.join(HERE, program)], stdin=subprocess.PIPE, stderr=None,
            env=dict(os.environ, VZHOOKS_ROOT=node.root, PYTHONPATH=os.path.dirname(os.path.dirname(HERE))))

    def ask(self) -> Dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write('\n')
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class State:
    """What a node has at one moment."""

    def __init__(self, kernel: Dict[str, Any], nft: List[Dict[str, Any]]) -> None:
        self._kernel = kernel
        self._theirs = [one for one in nft if not _is_ours(one)]
        self._ours = json.dumps([one for one in nft if _is_ours(one)])

    def host_routes(self, addresses: Set[str]) -> Dict[str, str]:
        """{address: device} of routes to these single addresses, whoever made them, in whatever table."""
        return {destination.partition('/')[0]: device for _, destination, device, _ in self._kernel['routes']
                if destination.partition('/')[0] in addresses}

    def filtered(self, addresses: Set[str]) -> Set[str]:
        """Those that stand anywhere in the product's nft tables."""
        return {address for address in addresses if '"{}"'.format(address) in self._ours}

    @property
    def veths(self) -> List[str]:
        """Interfaces of containers."""
        return [name for name in self._kernel['links'] if name.startswith('veth')]

    @property
    def foreign(self) -> Dict[str, Any]:
        """Everything that is not the product's, nor follows a container's interface by itself."""
        return {'routes': [route for route in self._kernel['routes'] if route[3] != OURS and not route[2].startswith('veth')],
                'rules': [rule for rule in self._kernel['rules'] if not rule.endswith(' protocol {}'.format(OURS))],
                'addresses': [one for one in self._kernel['addresses'] if not one[0].startswith('veth')],
                'links': [name for name in self._kernel['links'] if not name.startswith('veth')], 'nft': self._theirs}


class Reading:
    """One node's; `close` ends it."""

    def __init__(self, node: Node) -> None:
        self._node, self._kernel = node, Answering(node, 'reader.py')

    def now(self) -> State:
        nft = json.loads(self._node.run(['nft', '-j', 'list', 'ruleset']).stdout)['nftables']
        return State(self._kernel.ask(), [{kind: dict(inner, handle=0)} for one in nft for kind, inner in one.items()
                                          if kind != 'metainfo'])

    def close(self) -> None:
        self._kernel.close()


def _is_ours(one: Dict[str, Any]) -> bool:
    inner = next(iter(one.values()))
    return 'vzhooks' in str(inner.get('table', inner.get('name', '')))
