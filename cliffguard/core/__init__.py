"""What crosses packages: errors, settings, records, files, hashing, signals, timing."""
