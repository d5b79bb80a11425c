"""Where things lie on a node.  Hot path: standard library only.

VZHOOKS_ROOT=DIR goes before every absolute path that the program chooses by itself (tests, the lab, chroots);
it does not go before VE_CONFFILE nor before a path given on the command line.
"""
import os

PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"  # "." and what the caller had are not trusted


def rooted(path: str) -> str:
    """Given an absolute PATH chosen by the program, return it below VZHOOKS_ROOT."""
    return os.environ.get("VZHOOKS_ROOT", "").rstrip("/") + path


def vz_conf() -> str:
    return rooted("/etc/vz/vz.conf")


def node_conf() -> str:
    return rooted("/etc/vz/vzhooks.conf")


def templates() -> str:
    """The administrator's templates: a file there replaces the shipped one of the same name."""
    return rooted("/etc/vz/vzhooks/templates")


def container_conf(veid: str) -> str:
    """vzctl names the file to action scripts in VE_CONFFILE (and to them only)."""
    return os.environ.get("VE_CONFFILE") or rooted("/etc/vz/conf/%s.conf" % veid)


def run(*names: str) -> str:
    """Below /run/vzhooks: what is set up now, gone after a reboot."""
    return rooted("/".join(("/run/vzhooks",) + names))


def cache(*names: str) -> str:
    """Below /var/cache/vzhooks: plans that were made already."""
    return rooted("/".join(("/var/cache/vzhooks",) + names))


def netns(veid: str) -> str:
    """The name that vzctl and `ip -n` use for a container's network namespace (never below VZHOOKS_ROOT)."""
    return "/var/run/netns/" + veid


def boot_id() -> str:
    """The kernel's name for this boot: what was noted under another one is no longer there."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()
