"""VITA on videos of any length: the whole-video result, in memory that does not grow with the video."""
