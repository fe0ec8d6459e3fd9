"""Diagnostics beside the verdict: how both sides answer, classes, embedding distance, drift."""
