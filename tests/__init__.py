# SPDX-License-Identifier: AGPL-3.0-only
"""Tests, ordered like the applications they are about; what they share stands here."""
