"""Rule tests: given moves in market words, the episodes that a configuration must tell, by the live engine."""
