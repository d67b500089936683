"""What stands behind an event, in prose: every number with what it was computed from."""
