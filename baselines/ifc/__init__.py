"""IFC: clips of Inter-frame Communication Transformers (Hwang et al., NeurIPS 2021)."""
