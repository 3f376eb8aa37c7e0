"""Which frames of which videos make a training sample."""
