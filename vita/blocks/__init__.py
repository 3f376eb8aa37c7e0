"""What methods share: backbone, frame detector, attention, masks, losses."""
