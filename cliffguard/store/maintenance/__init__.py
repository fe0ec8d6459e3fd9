"""Store maintenance: list, verify, repair, prune, export, import."""
