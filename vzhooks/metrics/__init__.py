"""`vzhook metrics`: what the calls did and what is set up, in Prometheus' text format."""
