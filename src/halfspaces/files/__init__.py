"""What is written to disk: models, checkpoints, run files, exports."""
