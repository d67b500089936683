"""One file a protocol: bytes from outside become ticks."""
