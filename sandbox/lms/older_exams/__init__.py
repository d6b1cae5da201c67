# SPDX-License-Identifier: AGPL-3.0-only
"""The platform's older exam system, which keeps the exams of routed courses: in small, and in memory."""
