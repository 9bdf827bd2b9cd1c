"""Linear classifiers for images, features and embeddings: exact, fast, with nothing hidden."""
