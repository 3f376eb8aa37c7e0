"""`python -m vita` is the `vita` command."""

from vita.cli.main import main

main()
