"""Checks of a pair, the schedule of (interim) looks, measuring a look, the ledger of alpha."""
