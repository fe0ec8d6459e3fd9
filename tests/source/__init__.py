"""Contracts of the source itself: its layers, its names, its error ids. `make check` runs them."""
