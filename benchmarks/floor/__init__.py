# SPDX-License-Identifier: AGPL-3.0-only
"""The floor: the least that an authenticated Django REST endpoint costs."""
