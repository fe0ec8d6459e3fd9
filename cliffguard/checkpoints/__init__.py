"""Who is asked: checkpoints by content, their files, tokenizers, an adapter's base, the hub."""
