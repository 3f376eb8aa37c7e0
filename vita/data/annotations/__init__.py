"""Annotation files: the one place that knows their keys, and what may stand there."""
