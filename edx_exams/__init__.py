# SPDX-License-Identifier: AGPL-3.0-only
"""The special exams service of Open edX."""

__version__ = "0.1.0"
