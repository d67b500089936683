"""One file a channel: a notification becomes a request outside."""
