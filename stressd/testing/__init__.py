"""Public test kit: virtual time, fakes, a loopback MQTT broker, contract checks for feeds and sinks."""
