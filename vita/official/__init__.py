"""The released code: its weights' names, configuration files and recorded outputs."""
