"""What `benchmarks/gpu.py` checks, one module a part."""
