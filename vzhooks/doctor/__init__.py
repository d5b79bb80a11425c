"""`vzhook doctor`: the way of a packet, step by step, up to the first one that is wrong."""
