# SPDX-License-Identifier: AGPL-3.0-only
"""Version of the plugin: its first number is that of the newest Tutor that it works with."""

__version__ = "22.0.0"
