"""What runs left in their folders, as tidy rows."""
