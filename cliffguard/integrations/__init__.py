"""Where people look beside our own reports: model cards, pytest, agents. Each is optional."""
