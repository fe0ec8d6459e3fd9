"""The room of torch: loading checkpoints. Import nothing from here before a model is needed."""
