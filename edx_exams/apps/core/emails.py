"""
The e-mails that follow an attempt's outcome.

They leave after the commit and beside the request: a mail server that is slow or down costs a learner nothing.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from html import unescape
from threading import BoundedSemaphore
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.translation import gettext as _
from django.utils.translation import override

from edx_exams.apps.core.models import CourseExamConfiguration, ExamAttempt

log = logging.getLogger(__name__)

#: E-mails that may wait for a slow mail server in one process; further ones are dropped, and logged.
LONGEST_QUEUE: Final = 1000
_places_in_queue: Final = BoundedSemaphore(LONGEST_QUEUE)


def course_url(course_id: str) -> str:
    """The course in the learning MFE."""
    return f"{settings.LEARNING_MICROFRONTEND_URL}/course/{course_id}"


def email_after_commit(attempt: ExamAttempt, name: str) -> None:
    """
    Tell the learner of the attempt's outcome once the transaction is committed. Only proctored exams that count do.

    :param name: `submitted`, `verified` or `rejected`
    """
    kind = attempt.exam.kind
    if not kind.is_proctored or kind.is_practice or not attempt.user.email:
        return
    transaction.on_commit(lambda: _send_soon(attempt, name), robust=True)


def _send_soon(attempt: ExamAttempt, name: str) -> None:
    """Compose the e-mail here, where the database is, and leave the mail server to a thread."""
    message = compose(attempt, name)
    if not settings.EMAIL_SENDER_THREADS:
        _send(message, attempt.pk)
    elif _places_in_queue.acquire(blocking=False):
        _senders().submit(_send_and_free_place, message, attempt.pk)
    else:
        log.error("E-mail %s of attempt %s dropped: %d are waiting already", name, attempt.pk, LONGEST_QUEUE)


def compose(attempt: ExamAttempt, name: str) -> EmailMultiAlternatives:
    """The e-mail in HTML and plain text. Reads the course's configuration."""
    with override(settings.LANGUAGE_CODE):
        subject = {
            "submitted": _("Proctoring attempt submitted"),
            "verified": _("Proctoring attempt verified"),
            "rejected": _("Proctoring attempt rejected"),
        }[name]
        exam = attempt.exam
        context: dict[str, Any] = {
            "exam_name": exam.exam_name,
            "course_url": course_url(exam.course_id),
            **_contact(exam.course_id),
        }
        html = render_to_string(f"email/proctoring_attempt_{name}.html", context)
    message = EmailMultiAlternatives(subject, _plain(html), settings.DEFAULT_FROM_EMAIL, [attempt.user.email])
    message.attach_alternative(html, "text/html")
    return message


def _contact(course_id: str) -> dict[str, str]:
    """Whom to ask: the course's escalation address, or the platform's support page."""
    configuration = CourseExamConfiguration.objects.filter(course_id=course_id).first()
    if configuration and configuration.escalation_email:
        address = configuration.escalation_email
        return {"contact_url": f"mailto:{address}", "contact_url_text": address}
    url = f"{settings.LMS_ROOT_URL}/support/contact_us"
    return {"contact_url": url, "contact_url_text": url}


def _plain(html: str) -> str:
    """The text of an e-mail: no tags, no indentation, one empty line between paragraphs."""
    lines = [line.strip() for line in unescape(strip_tags(html)).splitlines()]
    paragraphs = "\n".join(lines).split("\n\n")
    return "\n\n".join(part.strip() for part in paragraphs if part.strip())


def _send(message: EmailMultiAlternatives, attempt_id: int) -> None:
    """Hand the e-mail to the mail server; a failure is logged, and that is all that comes of it."""
    try:
        message.send()
    except Exception as error:  # noqa: BLE001  (whatever a mail server or its library comes up with)
        # The error's text may hold the learner's address.
        log.error("E-mail of attempt %s failed: %s", attempt_id, type(error).__name__)


def _send_and_free_place(message: EmailMultiAlternatives, attempt_id: int) -> None:
    try:
        _send(message, attempt_id)
    finally:
        _places_in_queue.release()


@cache
def _senders() -> ThreadPoolExecutor:
    """The threads that talk to the mail server, made when the first e-mail is due (after the server has forked)."""
    return ThreadPoolExecutor(settings.EMAIL_SENDER_THREADS, thread_name_prefix="email")
