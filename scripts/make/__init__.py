"""Generators whose output is committed; `make check` compares."""
