# SPDX-License-Identifier: AGPL-3.0-only
"""
Another Django project on the event bus, as the LMS is one: stock consumer, stock command, receivers of its own.

What its receivers hear is appended to the file that ``LMS_HEARD`` names, one JSON object a line.
"""
