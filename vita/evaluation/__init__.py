"""Scores of results files in YouTube-VIS format; imports no torch."""
