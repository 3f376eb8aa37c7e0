"""Our models held against recorded outputs of the official implementations."""
