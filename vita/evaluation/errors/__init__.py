"""What keeps a result from a perfect score."""
