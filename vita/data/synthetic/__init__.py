"""The embedded `shapes` videos."""
