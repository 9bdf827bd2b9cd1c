"""What runs in the process of a hand-in: it imports NumPy and these files, and not halfspaces."""
