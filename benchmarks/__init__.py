"""What halfspaces costs beside its peers and beside what the machine allows:
`make bench`, `python -m benchmarks`.
"""
