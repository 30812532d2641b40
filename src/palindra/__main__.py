"""``python -m palindra`` is the command line."""

from palindra.cli.main import main

main()
