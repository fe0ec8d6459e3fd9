"""Before and around a run: power analysis, self-test, selection among candidates, doctor."""
