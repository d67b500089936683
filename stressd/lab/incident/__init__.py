"""The post-mortem of an episode: what is known of it, as facts, as Markdown and as a page."""
