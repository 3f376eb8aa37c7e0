"""`python -m vita` is the `vita` command."""

from vita.cli import main

main()
