"""Official configuration files to ours."""
