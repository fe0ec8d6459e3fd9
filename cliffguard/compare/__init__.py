"""Pairs of answers → evidence, findings, the verdict and the review; diagnostics beside it."""
