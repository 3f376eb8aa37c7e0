"""Official checkpoints to ours, and back."""
