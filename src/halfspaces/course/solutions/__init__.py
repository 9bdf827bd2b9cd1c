"""Solutions of the exercises, for teachers."""
