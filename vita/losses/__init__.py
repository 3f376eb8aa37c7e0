"""Matching and set losses over (T, H, W), and the similarity loss."""
