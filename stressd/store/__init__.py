"""SQLite: episodes, deliveries (the outbox), history, engine snapshots."""
