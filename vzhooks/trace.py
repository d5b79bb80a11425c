"""VZHOOKS_TRACE=1: where the time of a hook went, on stderr.  Hot path."""
import os
import sys
import time

on = "VZHOOKS_TRACE" in os.environ
_last = time.monotonic()


def mark(what: str) -> None:
    """Print the time since the last mark, as the time that WHAT took."""
    global _last
    if on:
        now = time.monotonic()
        sys.stderr.write("trace: %8.3f ms  %s\n" % ((now - _last) * 1000, what))
        _last = now
