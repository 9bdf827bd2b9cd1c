"""The loop: propose, evaluate, update."""
