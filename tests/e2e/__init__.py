# SPDX-License-Identifier: AGPL-3.0-only
"""The sandbox as a person meets it: both servers for real, and a browser."""
