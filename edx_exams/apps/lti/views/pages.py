# SPDX-License-Identifier: AGPL-3.0-only
"""Pages that people meet on their way to a proctoring tool and back: none of them has a header but what it needs."""

import secrets
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from edx_exams.apps.core.api import get_exam_url_path
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.lti import exam_frame
from edx_exams.apps.lti.middleware import forbid_framing, mark_as_tool_page, tool_page
from edx_exams.apps.lti.views.failures import RETRY_AFTER


def page(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """
    A page that runs no script but its own and loads nothing.

    Its policy names neither `form-action` nor `frame-ancestors`: such a page is framed by vendors, and posts to them.
    """
    nonce = secrets.token_urlsafe(16)
    response = render(request, f"lti/{template}.html", {**context, "csp_nonce": nonce}, status=status)
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'"
    )
    response["Cache-Control"] = "no-store"
    return mark_as_tool_page(response)


def confirm(request: HttpRequest, *, heading: str, detail: str, button: str) -> HttpResponse:
    """Page with one button that posts to this same address: for a link of which nobody knows where it was followed."""
    response = page(request, "confirm", {"heading": heading, "detail": detail, "button": button})
    response["Content-Security-Policy"] += "; frame-ancestors 'none'"
    return forbid_framing(response)


def form_post(request: HttpRequest, url: str, fields: Mapping[str, str]) -> HttpResponse:
    """A form that sends itself, or is sent by its button: OAuth 2.0 Form Post Response Mode."""
    return page(request, "form_post", {"url": url, "fields": fields})


def exam_in_frame(request: HttpRequest, attempt: ExamAttempt, url: str) -> HttpResponse:
    """
    Page that holds the exam in a frame, and answers the learning interface in place of an extension.

    :param attempt: with its exam
    :param url: of the exam in the learning MFE
    """
    origin = exam_frame.learning_origin()
    address = reverse("lti:exam-frame", kwargs={"attempt_id": attempt.pk})
    response = page(request, "exam_frame", {"attempt": attempt, "url": url, "origin": origin, "page": address})
    # Links of the exam lead to the end of the assessment, which is ours.
    response["Content-Security-Policy"] += f"; frame-src {origin} 'self'"
    exam_frame.set_cookie(response, attempt)
    return response


def leave_frame(request: HttpRequest, url: str) -> HttpResponse:
    """Page inside the frame above that leads the whole window on."""
    return page(request, "leave_frame", {"url": url})


def refusal(
    request: HttpRequest, detail: str, *, status: int = 400, attempt: ExamAttempt | None = None
) -> HttpResponse:
    """
    Page for a refusal in plain words.

    :param attempt: the reader's own, as it is now: its state is told, and a link leads back to the exam
    """
    context: dict[str, Any] = {"detail": detail}
    if attempt is not None:
        exam = attempt.exam
        context |= {"state": _state_of(attempt), "url": get_exam_url_path(exam.course_id, exam.content_id)}
    return page(request, "refusal", context, status=status)


def _state_of(attempt: ExamAttempt) -> str:
    """Say in which state an attempt is, whatever has just been refused."""
    if attempt.is_in_progress:
        return _("Your exam is in progress, and your time is running.")
    if attempt.status in ExamAttemptStatus.incomplete_statuses:
        return _("Your exam has not begun, and no time has been used.")
    if attempt.status == ExamAttemptStatus.submitted:
        return _("Your exam has been submitted.")
    return _("Your exam has ended.")


def no_cookies(request: HttpRequest, url: str, fields: Mapping[str, str]) -> HttpResponse:
    """
    Page for a browser that withholds our cookie, as it may inside a frame of another site.

    :param url: where to send the same fields from a window of its own, in which the cookie comes along
    """
    return page(request, "no_cookies", {"url": url, "fields": fields}, status=400)


def service_unavailable(request: HttpRequest) -> HttpResponse:
    """Page for a learner while the service is unavailable."""
    response = refusal(request, _("We cannot do this right now. Please try again in a moment."), status=503)
    response["Retry-After"] = RETRY_AFTER
    return response


@tool_page
@require_safe
def browser_lock(request: HttpRequest) -> HttpResponse:
    """Page for a learner whose browser lacks the proctoring extension, which injects itself here: hence no CSP."""
    return render(request, "lti/browser_lock.html", {"extension_url": settings.LTI_BROWSER_EXTENSION_URL})
