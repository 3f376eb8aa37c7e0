"""VITA's names in its release, and its recorded outputs."""
