"""Item generators of the shipped suites, one module per capability."""
