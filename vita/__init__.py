"""VITA: video instance segmentation by association of object tokens."""

__version__ = "0.1.0"
