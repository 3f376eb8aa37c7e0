"""YouTube-VIS scores from two JSON files."""
