"""An incident in one file: what the engine knew before an episode, all that came then, and what was told of it."""
