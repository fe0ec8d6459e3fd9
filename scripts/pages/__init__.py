"""Pages of docs/ that are written from what they describe; `scripts/make_pages.py` writes them."""
