"""`make bench`: what a container's start and stop cost, with us, with a shell script, with CNI, and at the least."""
