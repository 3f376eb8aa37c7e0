"""VisTR, its architecture alone: for the memory probe (Wang et al., CVPR 2021)."""
