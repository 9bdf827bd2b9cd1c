"""The report of a model: one HTML file that needs nothing else, or its figures as JSON."""
