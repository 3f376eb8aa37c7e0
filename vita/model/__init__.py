"""VITA itself: Object Encoder, Object Decoder, losses, inference."""
