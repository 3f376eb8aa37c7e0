"""Official checkpoints and ours."""
