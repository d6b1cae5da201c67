# SPDX-License-Identifier: AGPL-3.0-only
"""
The frame in which a learner takes an exam whose tool has no browser extension.

The learning interface asks the top window, on our origin, whether a proctoring extension is there, and without the
answer puts a proctored attempt into `error`. Where the tool's extension does not answer, our page holds the exam in a
frame and answers itself. Its cookie says that in this browser a tool has let this attempt begin: it opens this page,
for as long as the attempt is unfinished, and nothing else.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from edx_exams.apps.core.models import ExamAttempt

COOKIE_NAME: Final = "edx_exams_exam_frame"
COOKIE_PATH: Final = "/lti/"
#: Exams outlast a launch; none lasts longer than this in one sitting.
LIFETIME: Final = timedelta(days=1)
_SALT: Final = "edx_exams.lti.exam_frame"
_FRAMES: Final = frozenset({"iframe", "frame"})


def set_cookie(response: HttpResponse, attempt: ExamAttempt) -> None:
    """Remember in the browser that this attempt is taken in our frame."""
    response.set_cookie(
        COOKIE_NAME,
        signing.dumps(attempt.pk, salt=_SALT),
        max_age=LIFETIME,
        path=COOKIE_PATH,
        secure=True,
        httponly=True,
        samesite="Lax",
    )


def framed_attempt_id(request: HttpRequest) -> int | None:
    """Return the id of the attempt that this browser takes in our frame, None if there is none."""
    try:
        attempt_id = signing.loads(request.COOKIES.get(COOKIE_NAME, ""), salt=_SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return None
    return attempt_id if isinstance(attempt_id, int) else None


def is_inside(request: HttpRequest, attempt: ExamAttempt | None) -> bool:
    """Tell whether this request opens a page in our frame around the attempt."""
    is_frame = request.headers.get("Sec-Fetch-Dest", "").lower() in _FRAMES
    return is_frame and attempt is not None and framed_attempt_id(request) == attempt.pk


def learning_origin() -> str:
    """Return the origin of the learning interface, the only one that is framed and answered."""
    parts = urlsplit(settings.LEARNING_MICROFRONTEND_URL or "")
    return f"{parts.scheme}://{parts.netloc}"
