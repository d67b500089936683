"""What the page shows, as one document: `GET /api/v1/state`, and the stream that keeps it up to date."""
