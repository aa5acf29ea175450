"""`python -m hessbench`."""

from ._cli import main

main()
