"""Mask2Former for video instance segmentation (Cheng et al. 2021)."""
