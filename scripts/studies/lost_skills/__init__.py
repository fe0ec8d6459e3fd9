"""Adapters of a chat model that lost one skill each, and what the suites say of them."""
