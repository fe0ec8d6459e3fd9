"""Metrics of structure: JSON, calls of tools, whole texts."""
