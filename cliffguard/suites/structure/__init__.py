"""Metrics of structure: JSON that keeps to a schema or is another's equal, calls of tools, texts.

`scorers.SCORERS` is their table. Nothing here runs what a model or a suite wrote.
"""
