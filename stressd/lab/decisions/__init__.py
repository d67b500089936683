"""What is decided on a history that is always the same: the measure of whether the method still is."""
