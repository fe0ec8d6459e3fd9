"""What is run from a checkout: `make` holds generators, `studies` what the reports show."""
