"""Finds click, Jinja2 and netaddr for an interpreter that started without site (python3 -IS)."""
import os
import sys

BUNDLED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bundled")


def find() -> None:
    """Make the three libraries importable: the bundle of the RPM where it is, else the distribution's packages."""
    if os.path.isdir(BUNDLED):
        if BUNDLED not in sys.path:
            sys.path.append(BUNDLED)
    elif sys.flags.no_site and "site" not in sys.modules:
        import site

        site.main()
