"""Further detectors: models from elsewhere that plug into the engine."""
