"""One study a module: each writes the figures of a report."""
