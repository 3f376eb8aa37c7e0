"""Mask2Former-VIS's names in its release, and its recorded outputs."""
