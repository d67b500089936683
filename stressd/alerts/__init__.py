"""Engine events in, notifications out: episodes, severity, routes, rendering. Pure."""
