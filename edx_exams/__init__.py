"""The special exams service of Open edX."""

__version__ = "0.1.0"
