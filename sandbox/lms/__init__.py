# SPDX-License-Identifier: AGPL-3.0-only
"""
The platform as the exam service sees it, in small: the LMS, Studio, the learning MFE and the instructors' dashboard.

It has no database and no exam logic. Whatever it shows of an exam it asked the exam service for, over its REST API.
"""
