# SPDX-License-Identifier: AGPL-3.0-only
"""The Tutor plugin, rendered by each release of Tutor that it supports. Run by `make test-tutor`."""
