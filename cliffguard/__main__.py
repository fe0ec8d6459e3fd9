"""`python -m cliffguard`."""

from cliffguard.cli import main

main()
