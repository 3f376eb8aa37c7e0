"""Scores by how much of an object is hidden."""
