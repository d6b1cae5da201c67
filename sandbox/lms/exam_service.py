# SPDX-License-Identifier: AGPL-3.0-only
"""Calls from the LMS to the exam service, server to server."""

from __future__ import annotations

import json
import urllib.request
from typing import Final
from urllib.parse import quote

from sandbox.environment import this_sandbox
from sandbox.lms.people import Person
from sandbox.lms.tokens import identity_token

TIMEOUT_SECONDS: Final = 5


class ExamServiceUnavailable(Exception):
    """The exam service gave no usable answer."""


def is_exam(course_id: str, content_id: str, *, asked_for: Person) -> bool:
    """
    Check whether a section is an exam now, so that its content is to be guarded.

    :raises ExamServiceUnavailable: nobody knows; the content has to stay closed
    """
    path = f"/api/v1/student/exam/attempt/course_id/{quote(course_id, safe='')}/content_id/{quote(content_id, safe='')}"
    # An address of this computer, made by us.
    request = urllib.request.Request(  # noqa: S310
        this_sandbox().exams_url + path, headers={"Authorization": f"JWT {identity_token(asked_for)}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            return bool(json.load(response)["exam"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExamServiceUnavailable from error
