"""What is asked: suites and their loading, rows of data, targets, scorers, contamination."""
