"""Answers on disk under the hash of what was asked, shards, looks that were taken; maintenance."""
