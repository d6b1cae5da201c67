# SPDX-License-Identifier: AGPL-3.0-only
"""Tutor plugin that deploys edx-exams."""
