"""IFC (Hwang et al. 2021, "Video Instance Segmentation using Inter-Frame Communication Transformers")."""
