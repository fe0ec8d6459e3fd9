"""Pages of docs/ that are written from what they describe; `scripts/make/pages.py` writes them."""
