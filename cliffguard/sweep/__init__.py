"""Many checkpoints: units of work on the workers of an existing engine, judged by one driver."""
