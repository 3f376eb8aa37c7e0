"""From the configuration files to the run table: what is trained, predicted and tabulated in a tier."""
