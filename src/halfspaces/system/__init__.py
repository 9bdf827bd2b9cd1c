"""What the machine offers: memory, a folder for caches, a terminal for progress bars."""
