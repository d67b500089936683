"""Ticks in, events out: gate, volatility, sigma, levels, silence, propagation. Pure, compiled."""
