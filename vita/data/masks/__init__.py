"""Run-length codes and polygons."""
