"""What the stand-in vzctl is made of. Only what shared/vzctl-protocol.md says; standard library only, and little of it."""
