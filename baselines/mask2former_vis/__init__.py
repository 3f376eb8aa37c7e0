"""Mask2Former-VIS (Cheng et al. 2021, "Mask2Former for Video Instance Segmentation")."""
