"""The `vita` command: a file for each group of commands."""
