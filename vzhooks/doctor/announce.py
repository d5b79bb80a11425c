"""Announcements: does the daemon run, does somebody hear it, and is what it says what it should."""
from vzhooks import process
from vzhooks.doctor.step import Step, Way, forwarding, of_error, sound
from vzhooks.errors import Expected
from vzhooks.nodeconf import NodeConf
from vzhooks.routing import check, lsdb

SHOWS = {"ospf": "vtysh -c 'show ip ospf neighbor' -c 'show ipv6 ospf6 neighbor'", "bgp": "vtysh -c 'show bgp summary'"}


def way(found: NodeConf, veid: str = "") -> Way:
    """The steps of [announce]; of one container's addresses where it is named."""
    announce = found.announce
    yield from forwarding(announce.families)
    try:
        process.find("vtysh")
        deaf = lsdb.deaf(announce)
        yield Step("the routing daemon answers")
    except Expected as error:
        yield sound("the routing daemon answers", of_error(error), "vtysh -c 'show version'",
                    "systemctl start %s" % announce.daemon)
        return
    yield sound("a neighbour hears the announcements", deaf, SHOWS[announce.protocol],
                "what neighbours must have in common: area, timers, network type, MTU, key; or AS and address")
    try:
        said = check.check(found)
    except Expected as error:
        yield sound("what is announced can be compared", of_error(error), "vzhook announce check", "what it says")
        return
    yield sound("the daemon has our configuration and entries", said.troubles, "vzhook announce check",
                "vzhook node export %s, or vzhook announce reconcile" % announce.daemon)
    wrong = ["%s: %s (CT %s): wanted: %s; announced: %s" % (row.trouble, row.address, row.container or "none",
                                                           row.wanted or "nothing", row.seen or "nothing")
             for row in said.rows if row.trouble and veid in ("", row.container)]
    yield sound("each address is announced as it should be", wrong, "vzhook announce show", "vzhook reconcile")
