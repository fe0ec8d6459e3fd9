"""Time, memory and parity of the engine against lm-eval's own model."""
