"""VITA on a video of one's own: a video and a picture with its tracks, and their masks."""
