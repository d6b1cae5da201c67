# SPDX-License-Identifier: AGPL-3.0-only
"""The sender of owed e-mails: each is sent, tried again, given up or cancelled, and the table says so."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from edx_exams.apps.core import owed_emails
from edx_exams.apps.core.api import update_attempt_status
from edx_exams.apps.core.models import ExamAttempt, OwedEmail, OwedEmailState, User
from edx_exams.apps.core.owed_emails import cancel_emails_of, pause_after, purge_finished, send_again
from edx_exams.apps.events.email_sender import EmailSender
from edx_exams.apps.events.lease import Lease
from edx_exams.apps.events.models import RelayLease
from edx_exams.apps.events.relay import Relay
from tests.core.test_emails import override_template
from tests.events.memory_bus import MemoryPublisher
from tests.factories import ExamFactory, UserFactory, submitted_attempt
from tests.smtp import MailServerStandIn, mail_server

pytestmark = pytest.mark.django_db

Outbox = list[EmailMessage]


@pytest.fixture
def lease() -> Lease:
    lease = Lease()
    assert lease.acquire()
    return lease


@pytest.fixture
def sender(lease: Lease) -> EmailSender:
    return EmailSender(lease)


@pytest.fixture
def smtp(settings: Settings) -> Iterator[MailServerStandIn]:
    """A mail server that the settings name."""
    with mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_TIMEOUT = 2
        yield server


def owe(learner: User | None = None, **exam: object) -> OwedEmail:
    """An e-mail about a submission."""
    attempt = submitted_attempt(ExamFactory.create(proctored=True, **exam), learner or UserFactory.create())
    return OwedEmail.objects.get(attempt=attempt)


def now(email: OwedEmail) -> OwedEmail:
    return OwedEmail.objects.get(pk=email.pk)


def due_now() -> None:
    OwedEmail.objects.update(next_try=None)


def test_the_relay_sends_what_is_owed_and_marks_it(mailoutbox: Outbox) -> None:
    email = owe()
    relay = Relay(MemoryPublisher())
    assert relay.run_once()
    assert [message.to for message in mailoutbox] == [[email.attempt.user.email]]
    assert now(email).state == OwedEmailState.sent
    assert now(email).finished_at is not None
    assert relay.email_counts == {OwedEmailState.sent: 1}


def test_what_was_sent_is_not_sent_again(sender: EmailSender, mailoutbox: Outbox) -> None:
    owe()
    sender.send_due()
    due_now()
    sender.send_due()
    assert len(mailoutbox) == 1


def test_a_verdict_does_not_overtake_the_submission(sender: EmailSender, smtp: MailServerStandIn) -> None:
    first = owe()
    update_attempt_status(first.attempt_id, "verified")
    smtp.verdict = lambda _: "451 Try later"
    sender.send_due()
    smtp.verdict = lambda _: None
    sender.send_due()
    assert smtp.messages == []
    due_now()
    sender.send_due()
    sender.send_due()
    assert [message["Subject"].split()[-1] for message in smtp.messages] == ["submitted", "verified"]


def test_each_try_has_the_same_message_id(sender: EmailSender, smtp: MailServerStandIn) -> None:
    owe()
    sender.send_due()
    OwedEmail.objects.update(state=OwedEmailState.pending)
    sender.send_due()
    first, second = smtp.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"


class TestWithoutTheLease:
    def test_nothing_is_sent(self, sender: EmailSender, lease: Lease, mailoutbox: Outbox) -> None:
        email = owe()
        lease._send_until = 0.0
        sender.send_due()
        assert mailoutbox == []
        assert now(email).state == OwedEmailState.pending

    def test_no_result_is_recorded(self, lease: Lease) -> None:
        email = owe()
        RelayLease.objects.update(term=lease._term + 1)
        owed_emails.mark_sent(email, condition=lease.condition())
        assert now(email).state == OwedEmailState.pending


class TestWhoGetsNone:
    def test_someone_who_was_retired(self, sender: EmailSender, mailoutbox: Outbox) -> None:
        email = owe()
        User.objects.filter(pk=email.attempt.user_id).update(is_active=False)
        sender.send_due()
        assert (now(email).state, now(email).last_error) == ("cancelled", "retired")
        assert mailoutbox == []

    def test_someone_without_an_address(self, sender: EmailSender) -> None:
        email = owe(UserFactory.create(email=""))
        sender.send_due()
        assert (now(email).state, now(email).last_error) == ("cancelled", "no address")

    def test_the_learner_of_an_attempt_that_is_gone(self, sender: EmailSender) -> None:
        email = owe()
        ExamAttempt.objects.all().delete()
        sender.send_due()
        assert (now(email).state, now(email).last_error) == ("cancelled", "attempt deleted")

    def test_retirement_cancels_what_is_owed(self, sender: EmailSender, mailoutbox: Outbox) -> None:
        email, other = owe(), owe()
        assert cancel_emails_of(email.attempt.user) == 1
        sender.send_due()
        assert [message.to for message in mailoutbox] == [[other.attempt.user.email]]


class TestTheMailServer:
    def test_a_refusal_for_good_fails_that_e_mail_alone(self, sender: EmailSender, smtp: MailServerStandIn) -> None:
        first, refused, last = owe(), owe(), owe()
        address = refused.attempt.user.email
        smtp.verdict = lambda to: "550 No such user here" if to == address else None
        sender.send_due()
        assert smtp.recipients == [first.attempt.user.email, last.attempt.user.email]
        assert (now(refused).state, now(refused).last_error) == ("failed", "SMTPRecipientsRefused 550")

    @pytest.mark.parametrize("reply", ["450 Busy", "451 Greylisted", "530 Log in first", "535 Not you"])
    def test_other_refusals_are_tried_again_within_10_seconds(
        self, reply: str, sender: EmailSender, smtp: MailServerStandIn
    ) -> None:
        email = owe()
        smtp.verdict = lambda _: reply
        sender.send_due()
        assert (now(email).state, now(email).delivery_attempts) == ("pending", 1)
        next_try = now(email).next_try
        assert next_try is not None
        assert next_try < timezone.now() + timedelta(seconds=10)
        assert now(email).last_error == f"SMTPRecipientsRefused {reply[:3]}"

    @pytest.mark.usefixtures("smtp")
    def test_an_address_that_cannot_be_written_fails(self, sender: EmailSender) -> None:
        email = owe(UserFactory.create(email="learner@ü..example"))
        sender.send_due()
        assert now(email).state == OwedEmailState.failed

    def test_one_that_is_down_is_asked_once_for_all(
        self, sender: EmailSender, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
        for _ in range(3):
            owe()
        sender.send_due()
        rows = OwedEmail.objects.values_list("state", "delivery_attempts", "last_error")
        assert set(rows) == {("pending", 1, "ConnectionRefusedError 111")}
        lines = [record.getMessage() for record in caplog.records if "Mail server unavailable" in record.getMessage()]
        assert len(lines) == 1

    def test_a_refused_log_in_names_the_setting_and_no_secret(
        self, sender: EmailSender, smtp: MailServerStandIn, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "exams", "hunter2-secret"
        smtp.log_in = "535 No"
        owe()
        sender.send_due()
        assert "SMTPAuthenticationError 535" in caplog.text
        assert "EMAIL_HOST_USER" in caplog.text
        assert "hunter2" not in caplog.text

    @pytest.mark.parametrize("reply", ["550 {} is unknown", "450 {} is busy"])
    def test_its_words_and_the_address_are_kept_nowhere(
        self, reply: str, sender: EmailSender, smtp: MailServerStandIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        email = owe()
        address = email.attempt.user.email
        caplog.set_level(logging.DEBUG)
        smtp.verdict = reply.format
        sender.send_due()
        assert address not in caplog.text
        assert address not in str(OwedEmail.objects.values().get())

    def test_a_template_that_cannot_be_rendered_is_tried_again(
        self, sender: EmailSender, settings: Settings, tmp_path: Path
    ) -> None:
        override_template(settings, tmp_path, "{% no such tag %}")
        email = owe()
        sender.send_due()
        assert (now(email).state, now(email).last_error) == ("pending", "template: TemplateSyntaxError")


class TestGivingUp:
    @pytest.mark.parametrize(
        ("failures", "minutes", "seconds"),
        [(0, 0, 5), (1, 0, 10), (3, 1, 40), (9, 9, 60), (9, 11, 900), (500, 1439, 900), (500, 1440, None)],
    )
    def test_pauses_grow_and_end_after_a_day(self, failures: int, minutes: int, seconds: float | None) -> None:
        assert pause_after(failures, age=timedelta(minutes=minutes)) == seconds

    def test_after_a_day_it_has_failed_and_may_be_sent_again(
        self, sender: EmailSender, smtp: MailServerStandIn
    ) -> None:
        email = owe()
        OwedEmail.objects.update(due_since=timezone.now() - timedelta(hours=24))
        smtp.verdict = lambda _: "450 Busy"
        sender.send_due()
        assert now(email).state == OwedEmailState.failed
        assert send_again(OwedEmail.objects.all()) == 1
        sender.send_due()
        assert now(email).state == OwedEmailState.pending
        due_now()
        smtp.verdict = lambda _: None
        sender.send_due()
        assert now(email).state == OwedEmailState.sent

    def test_a_day_without_a_relay_is_not_a_day_of_trying(self, sender: EmailSender) -> None:
        email = owe()
        OwedEmail.objects.update(due_since=timezone.now() - timedelta(days=3))
        sender.send_due()
        assert now(email).state == OwedEmailState.sent

    def test_finished_ones_are_purged_and_failed_ones_kept(self) -> None:
        long_ago = timezone.now() - timedelta(days=31)
        for state in ("sent", "cancelled", "failed"):
            OwedEmail.objects.filter(pk=owe().pk).update(state=state, finished_at=long_ago)
        assert not purge_finished(older_than=timedelta(days=30))
        assert [row.state for row in OwedEmail.objects.all()] == ["failed"]


def test_a_result_is_recorded_when_the_database_is_back(
    sender: EmailSender, mailoutbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = owe()
    monkeypatch.setattr("edx_exams.apps.events.email_sender._DATABASE_PAUSE", 0.0)
    monkeypatch.setattr("edx_exams.apps.events.email_sender.connection.close", lambda: None)
    real, failures = owed_emails.mark_sent, [OperationalError(2006), OperationalError(2006)]

    def fails_twice(email: OwedEmail, **arguments: object) -> None:
        if failures:
            raise failures.pop()
        real(email, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(owed_emails, "mark_sent", fails_twice)
    sender.send_due()
    assert now(email).state == OwedEmailState.sent
    assert len(mailoutbox) == 1
