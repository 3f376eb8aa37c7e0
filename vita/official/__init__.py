"""Everything about the released code: its names, its configuration files, its recorded outputs."""
