"""What a tier will cost, before anything runs."""
