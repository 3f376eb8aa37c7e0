"""VisTR (Wang et al., CVPR 2021), its architecture alone: for the number of frames that fit into memory."""
