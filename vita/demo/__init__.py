"""A video of one's own: an overlay, a picture, and the masks of its tracks."""
