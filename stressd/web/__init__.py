"""What the daemon serves over HTTP: health, readiness, metrics."""
