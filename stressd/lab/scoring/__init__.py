"""What was told against what was true: recall, precision, delay, false alarms, links and return periods."""
