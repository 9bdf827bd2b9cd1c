"""The one error of this package's readers."""


class DataError(ValueError):
    """Data that cannot be read: one sentence on what was given, what is needed and what to do."""
