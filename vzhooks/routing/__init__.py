"""Announcing container addresses by a routing daemon (FRR, Quagga): [announce] and ANNOUNCE."""
