"""HOTA on masks: how well objects are detected in frames, and how well these detections are associated over time."""
