# SPDX-License-Identifier: AGPL-3.0-only
"""A proctoring tool: the other side of the exam service's LTI platform, as a vendor would run it."""
