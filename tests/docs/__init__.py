"""The documentation runs: every fenced block of README.md and docs/ is executed or parsed."""
