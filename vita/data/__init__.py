"""Data sets in YouTube-VIS format, clips, masks, embedded `shapes` videos."""
