"""Prometheus metrics, one file an area."""
