"""What people do about alerts: silence, acknowledge, label; and what is done where nobody does."""
