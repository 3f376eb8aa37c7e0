"""Matching and set losses over (T, H, W)."""
