"""The e-mails that follow an attempt's outcome, and mail servers that misbehave."""

import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.db import transaction
from pytest_django import Settings

from edx_exams.apps.core import emails
from edx_exams.apps.core.api import act_as_learner, act_as_staff, check_if_exam_timed_out, update_attempt_status
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction, StaffAction
from tests.core.conftest import reloaded
from tests.factories import (
    COURSE_ID,
    ConfigurationFactory,
    ExamFactory,
    UserFactory,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

# E-mail follows a real commit.
pytestmark = pytest.mark.django_db(transaction=True)

Outbox = list[EmailMessage]


def html_of(message: EmailMessage) -> str:
    (alternative,) = message.alternatives  # type: ignore[attr-defined]
    assert alternative[1] == "text/html"
    return str(alternative[0])


@pytest.fixture
def proctored(learner: User, mailoutbox: Outbox) -> ExamAttempt:
    """A running attempt of a proctored exam."""
    return running_attempt(ExamFactory.create(exam_name="Midterm <1>", proctored=True), learner)


class TestWhoGetsOne:
    """Learners of proctored exams that count, for three outcomes."""

    @pytest.mark.parametrize("status", ["submitted", "verified", "rejected"])
    def test_a_proctored_attempts_outcome_is_mailed_to_its_learner(
        self, status: str, proctored: ExamAttempt, mailoutbox: Outbox
    ) -> None:
        update_attempt_status(proctored.pk, status)
        (message,) = mailoutbox
        assert message.subject == f"Proctoring attempt {status}"
        assert message.to == [proctored.user.email]
        assert message.from_email == "no-reply@example.com"
        assert (message.cc, message.bcc) == ([], [])

    @pytest.mark.parametrize("status", ["error", "ready_to_submit", "second_review_required", "expired", "timed_out"])
    def test_other_changes_are_not_mailed(self, status: str, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        update_attempt_status(proctored.pk, status)
        assert mailoutbox == []

    @pytest.mark.parametrize("exam_type", ["timed", "practice", "onboarding", "unheard of"])
    def test_other_exams_are_not_mailed_about(self, exam_type: str, mailoutbox: Outbox) -> None:
        attempt = submitted_attempt(ExamFactory.create(exam_type=exam_type))
        update_attempt_status(attempt.pk, "rejected")
        assert mailoutbox == []

    def test_a_learner_without_an_address_gets_none(self, mailoutbox: Outbox) -> None:
        submitted_attempt(ExamFactory.create(proctored=True), UserFactory.create(email=""))
        assert mailoutbox == []

    def test_running_out_of_time_is_a_submission(self, mailoutbox: Outbox) -> None:
        attempt = overdue_attempt(ExamFactory.create(proctored=True))
        check_if_exam_timed_out(attempt)
        check_if_exam_timed_out(attempt)
        assert [message.subject for message in mailoutbox] == ["Proctoring attempt submitted"]

    def test_asking_again_sends_no_second_one(self, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        for _ in range(3):
            act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        assert len(mailoutbox) == 1


class TestContents:
    """Two forms of the same words."""

    def test_it_names_the_exam_and_links_the_course_in_both_forms(
        self, proctored: ExamAttempt, mailoutbox: Outbox
    ) -> None:
        update_attempt_status(proctored.pk, "submitted")
        (message,) = mailoutbox
        url = f"http://localhost:2000/course/{COURSE_ID}"
        assert 'Your proctored exam "Midterm <1>" has been handed in.' in message.body
        assert url in message.body
        assert "Midterm &lt;1&gt;" in html_of(message)
        assert f'href="{url}"' in html_of(message)

    def test_the_plain_form_has_neither_markup_nor_gaps(self, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        update_attempt_status(proctored.pk, "rejected")
        body = str(mailoutbox[0].body)
        assert not re.search(r"</?[a-z]+[ >]|&[a-z]+;", body)
        assert "\n\n\n" not in body
        assert body == body.strip()
        assert len(body.split("\n\n")) == 3

    def test_a_submission_promises_a_result_within_5_business_days(
        self, proctored: ExamAttempt, mailoutbox: Outbox
    ) -> None:
        update_attempt_status(proctored.pk, "submitted")
        assert "within 5 business days" in mailoutbox[0].body
        assert "contact_us" not in mailoutbox[0].body

    def test_a_rejection_says_how_to_appeal(self, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        update_attempt_status(proctored.pk, "rejected")
        assert "you can appeal" in mailoutbox[0].body

    @pytest.mark.parametrize("status", ["verified", "rejected"])
    def test_a_verdict_gives_the_courses_address(self, status: str, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        ConfigurationFactory.create(escalation_email="help@example.com")
        update_attempt_status(proctored.pk, status)
        assert 'href="mailto:help@example.com"' in html_of(mailoutbox[0])
        assert "help@example.com" in mailoutbox[0].body

    @pytest.mark.parametrize("status", ["verified", "rejected"])
    @pytest.mark.parametrize("has_configuration", [True, False])
    def test_or_the_platforms_support_page(
        self, status: str, has_configuration: bool, proctored: ExamAttempt, mailoutbox: Outbox
    ) -> None:
        if has_configuration:
            ConfigurationFactory.create()
        ConfigurationFactory.create(course_id="course-v1:Acme+BIO102+2026", escalation_email="other@example.com")
        update_attempt_status(proctored.pk, status)
        assert 'href="http://localhost:18000/support/contact_us"' in html_of(mailoutbox[0])
        assert "http://localhost:18000/support/contact_us" in mailoutbox[0].body

    def test_operators_may_override_a_template(
        self, proctored: ExamAttempt, mailoutbox: Outbox, settings: Settings, tmp_path: Path
    ) -> None:
        override(
            settings,
            tmp_path,
            '{% extends "email/proctoring_attempt_base.html" %}{% block introduction %}Well done!{% endblock %}'
            "{% block contact_information %}{{ contact_url_text }} {{ contact_url }}{% endblock %}",
        )
        update_attempt_status(proctored.pk, "submitted")
        assert mailoutbox[0].body.startswith("Well done!")
        assert mailoutbox[0].body.endswith("/support/contact_us")


def override(settings: Settings, directory: Path, template: str) -> None:
    """Put an operator's template of the e-mail about submissions before ours."""
    (directory / "email").mkdir()
    (directory / "email" / "proctoring_attempt_submitted.html").write_text(template)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [directory]}]


class TestWhen:
    """After the commit, and only then."""

    def test_not_before_the_commit(self, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        with transaction.atomic():
            update_attempt_status(proctored.pk, "submitted")
            assert mailoutbox == []
        assert len(mailoutbox) == 1

    def test_not_after_a_rollback(self, proctored: ExamAttempt, mailoutbox: Outbox) -> None:
        with suppress(RuntimeError), transaction.atomic():
            update_attempt_status(proctored.pk, "submitted")
            raise RuntimeError
        assert reloaded(proctored).status == "started"
        assert mailoutbox == []

    def test_a_template_that_cannot_be_rendered_costs_nothing_but_a_line_in_the_log(
        self,
        proctored: ExamAttempt,
        mailoutbox: Outbox,
        settings: Settings,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        override(settings, tmp_path, "{% no such tag %}")
        update_attempt_status(proctored.pk, "submitted")
        assert reloaded(proctored).status == "submitted"
        assert mailoutbox == []
        assert any(record.levelname == "ERROR" for record in caplog.records)


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[socket.socket]:
    """A mail server that takes connections and never says a word; its clients give up after half a second."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.getsockname()
        settings.EMAIL_TIMEOUT = 0.5
        yield server


@pytest.fixture
def senders(settings: Settings) -> Iterator[ThreadPoolExecutor]:
    """The threads beside the requests, one of them, made anew and waited for."""
    settings.EMAIL_SENDER_THREADS = 1
    emails._senders.cache_clear()
    threads = emails._senders()
    yield threads
    threads.shutdown(wait=True)
    emails._senders.cache_clear()


class TestMailServer:
    """Slow, down or overwhelmed: nobody waits for it."""

    @pytest.mark.usefixtures("mail_server")
    def test_one_that_hangs_costs_the_learner_no_time(
        self, proctored: ExamAttempt, senders: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
    ) -> None:
        began = time.monotonic()
        act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        took = time.monotonic() - began
        assert reloaded(proctored).status == "submitted"
        assert "failed" not in caplog.text
        senders.shutdown(wait=True)
        assert f"E-mail of attempt {proctored.pk} failed: SMTPServerDisconnected" in caplog.text
        assert took < 0.4

    def test_one_that_is_down_costs_a_line_in_the_log_that_names_nobody(
        self,
        proctored: ExamAttempt,
        mail_server: socket.socket,
        senders: ThreadPoolExecutor,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        mail_server.close()
        act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        senders.shutdown(wait=True)
        self.check_that_it_is_only_logged(proctored, caplog.text)

    def test_nor_more_where_no_threads_are_configured(
        self, proctored: ExamAttempt, mail_server: socket.socket, caplog: pytest.LogCaptureFixture
    ) -> None:
        mail_server.close()
        act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        self.check_that_it_is_only_logged(proctored, caplog.text)

    def check_that_it_is_only_logged(self, attempt: ExamAttempt, logs: str) -> None:
        assert reloaded(attempt).status == "submitted"
        assert f"E-mail of attempt {attempt.pk} failed: ConnectionRefusedError" in logs
        assert attempt.user.email not in logs
        assert attempt.user.username not in logs

    def test_the_threads_deliver(
        self, proctored: ExamAttempt, course_team: User, senders: ThreadPoolExecutor, mailoutbox: Outbox
    ) -> None:
        act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        act_as_staff(proctored, StaffAction.VERIFY, staff=course_team)
        senders.shutdown(wait=True)
        assert [message.subject.split()[-1] for message in mailoutbox] == ["submitted", "verified"]
        assert free_places() == emails.LONGEST_QUEUE

    def test_when_too_many_wait_the_next_is_dropped_and_logged(
        self,
        proctored: ExamAttempt,
        senders: ThreadPoolExecutor,
        mailoutbox: Outbox,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        for _ in range(emails.LONGEST_QUEUE):
            emails._places_in_queue.acquire()
        try:
            act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        finally:
            emails._places_in_queue.release(emails.LONGEST_QUEUE)
        senders.shutdown(wait=True)
        assert reloaded(proctored).status == "submitted"
        assert mailoutbox == []
        assert f"E-mail submitted of attempt {proctored.pk} dropped: 1000 are waiting already" in caplog.text


def free_places() -> int:
    """Places in the queue that nobody takes."""
    free = 0
    while emails._places_in_queue.acquire(blocking=False):
        free += 1
    emails._places_in_queue.release(free)
    return free
