"""Pictures with matplotlib (`pip install halfspaces[plots]`), one a file."""
