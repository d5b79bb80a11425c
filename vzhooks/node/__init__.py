"""The node's own networks: bridges, tables and rules, described once in vzhooks.conf (`vzhook node`)."""
