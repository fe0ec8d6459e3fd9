"""One run: what travels together, and how it comes from a plan to a decision."""
