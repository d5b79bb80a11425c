"""The kernel against what was set up: check, reconcile, gc."""
