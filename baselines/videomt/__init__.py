"""VidEoMT, off the shelf (CVPR 2026): the worked example of a method that comes from somewhere else."""
