from tests.lab.confs import FIRST, SECOND, bridged
from tests.lab.network import Lab

def test_try(lab: Lab) -> None:
    node = lab.nodes['hn']
    node.conf(101, bridged(101, FIRST + '/26 2001:db8:1::101/64') + 'VETH_ALLOW="85.86.87.200 10.9.0.0/16 00:00:5e:00:01:07 2001:db8:7::/64"\n')
    print(node.vzhook('plan', 101).stdout)
    node.vzctl('start', 101)
    print(node.run(['nft', 'list', 'ruleset']).stdout)
    assert node.ping(FIRST) == 1
    assert node.ping('2001:db8:1::101') == 1
    node.vzhook('run', 101)
    node.vzctl('stop', 101)
    print(node.run(['nft', 'list', 'ruleset']).stdout[:500])
    assert 0
