"""The kept summary of a market's session: its event, the session's pictures, and what became of what was told."""
