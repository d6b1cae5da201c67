# SPDX-License-Identifier: AGPL-3.0-only
"""The e-mails that report an attempt's outcome: subject, text and addressee, made when one is sent."""

from html import unescape
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from django.utils.translation import override

from edx_exams.apps.core.models import CourseExamConfiguration, EmailKind, ExamAttempt


def course_url(course_id: str) -> str:
    """Return the URL of a course in the learning MFE."""
    return f"{settings.LEARNING_MICROFRONTEND_URL}/course/{course_id}"


def compose(attempt: ExamAttempt, kind: str, *, message_id: str | None = None) -> EmailMultiAlternatives:
    """
    Return the e-mail in HTML and plain text. Reads the attempt's `exam` and `user` and the course's configuration.

    :param kind: a value of `EmailKind`
    :param message_id: the same for each try, so that a mailbox can recognise an e-mail that arrives twice
    """
    with override(settings.LANGUAGE_CODE):
        subject = {
            EmailKind.submitted: _("Proctoring attempt submitted"),
            EmailKind.verified: _("Proctoring attempt verified"),
            EmailKind.rejected: _("Proctoring attempt rejected"),
        }[EmailKind(kind)]
        exam = attempt.exam
        context: dict[str, Any] = {
            "exam_name": exam.exam_name,
            "course_url": course_url(exam.course_id),
            **_contact(exam.course_id),
        }
        html = render_to_string(f"email/proctoring_attempt_{kind}.html", context)
    headers = {"Auto-Submitted": "auto-generated"}  # RFC 3834: holiday notices are not to answer it
    if message_id:
        headers["Message-ID"] = message_id
    message = EmailMultiAlternatives(
        subject, _plain(html), settings.DEFAULT_FROM_EMAIL, [attempt.user.email], headers=headers
    )
    message.attach_alternative(html, "text/html")
    return message


def _contact(course_id: str) -> dict[str, str]:
    """Return the contact: the course's escalation address, or the platform's support page."""
    configuration = CourseExamConfiguration.objects.filter(course_id=course_id).first()
    if configuration and configuration.escalation_email:
        address = configuration.escalation_email
        return {"contact_url": f"mailto:{quote(address, safe='@')}", "contact_url_text": address}
    url = f"{settings.LMS_ROOT_URL}/support/contact_us"
    return {"contact_url": url, "contact_url_text": url}


def _plain(html: str) -> str:
    """Return the text of an e-mail: no tags, no indentation, one empty line between paragraphs."""
    lines = [line.strip() for line in unescape(strip_tags(html)).splitlines()]
    paragraphs = "\n".join(lines).split("\n\n")
    return "\n\n".join(part.strip() for part in paragraphs if part.strip())
