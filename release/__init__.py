"""What a release needs: built and checked distributions, environments to test them, a recipe."""
