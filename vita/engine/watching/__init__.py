"""Showing a training while it goes on."""
