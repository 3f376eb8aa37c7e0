"""Labels in the formats of other tools, read and written as YouTube-VIS files."""
