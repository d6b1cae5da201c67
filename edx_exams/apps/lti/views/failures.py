# SPDX-License-Identifier: AGPL-3.0-only
"""Failures that any request can meet; pages and services answer them each in their own form."""

from typing import Final

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DatabaseError, DataError, InterfaceError
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError

from edx_exams.apps.core.exceptions import ExamBaseException
from edx_exams.apps.lti.platform_keys import KeyLocked

#: The request cannot be read: too large, broken off, no form though it says so; or holds what no column takes, such as
#: an emoji where an old table's character set has none.
MALFORMED: Final = (
    BadRequest,
    DataError,
    MultiPartParserError,
    RawPostDataException,
    SuspiciousOperation,
    UnreadablePostError,
)
#: We cannot work for the moment.
UNAVAILABLE: Final = (DatabaseError, InterfaceError, ExamBaseException, KeyLocked)
RETRY_AFTER: Final = "2"  # seconds
