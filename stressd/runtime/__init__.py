"""The daemon: wiring, supervision, the pump, reload, systemd, metrics."""
