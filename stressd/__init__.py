"""stressd: a streaming market-stress alert daemon for government-bond yields."""

__version__ = "0.1.0"
METHOD = "1"
"""Version of the statistical method. Raised whenever the same ticks would give other figures."""
