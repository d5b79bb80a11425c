"""Hostile input for every parser: what is fed to which, and who makes the inputs.  `make fuzz` is the long run."""
