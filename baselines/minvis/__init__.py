"""MinVIS, an online tracker of frame detections (Huang et al. 2022)."""
