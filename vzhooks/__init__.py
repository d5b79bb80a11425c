"""vzhooks: container networking for OpenVZ nodes, called by vzctl when a container starts and stops."""

__version__ = "0.1.0"
