"""Data sets in YouTube-VIS format: reading, sampling, and the embedded `shapes` videos."""
