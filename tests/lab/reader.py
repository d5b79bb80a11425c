"""What pyroute2 reads of the network namespace that this runs in: each line on stdin is answered by one of JSON.

A process of its own: pyroute2 forks to enter a namespace, and a forked pytest would end the session twice.
"""
import json
import sys

from pyroute2 import IPRoute

with IPRoute() as netlink:
    for _ in sys.stdin:
        names = {link['index']: link.get_attr('IFLA_IFNAME') for link in netlink.get_links()}
        print(json.dumps({
            'links': sorted(names.values()),
            'routes': sorted([route.get_attr('RTA_TABLE') or route['table'],
                              '{}/{}'.format(route.get_attr('RTA_DST') or 'default', route['dst_len']),
                              names.get(route.get_attr('RTA_OIF'), ''), route['proto']]
                             for route in netlink.get_routes() if route['type'] == 1),
            'rules': sorted('{} from {} lookup {} protocol {}'.format(*map(rule.get_attr, (
                'FRA_PRIORITY', 'FRA_SRC', 'FRA_TABLE', 'FRA_PROTOCOL'))) for rule in netlink.get_rules()),
            'addresses': sorted([names[address['index']], address.get_attr('IFA_ADDRESS'), address['prefixlen']]
                                for address in netlink.get_addr())}), flush=True)
