# SPDX-License-Identifier: AGPL-3.0-only
"""A stand-in for the rest of the platform, for trying the exam service out. Not shipped in the package."""
