"""VITA: video instance segmentation by association of object tokens."""
