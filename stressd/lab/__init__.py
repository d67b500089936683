"""The same engine off line: replay, backtest, history, scenarios."""
