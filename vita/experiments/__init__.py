"""Configuration files to run table: what is trained, predicted and tabulated."""
