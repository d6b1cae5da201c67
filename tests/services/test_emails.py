# SPDX-License-Identifier: AGPL-3.0-only
"""
Owed e-mails on a real database: every learner gets each e-mail, whatever happens to the relay and the mail server.

At full size, by hand: `EXAMS_TEST_EMAILS=10000 EXAMS_TEST_EMAIL_KILLS=10 EXAMS_TEST_EMAIL_OUTAGE=60`.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from django.utils import timezone

from edx_exams.apps.core.models import Exam, ExamAttempt, OwedEmail, ProctoringProvider, User
from edx_exams.apps.events.models import OutboxEvent, RelayLease
from tests.services.databases import Database
from tests.services.relays import RelayProcess
from tests.services.waiting import wait_until
from tests.smtp import MailServerStandIn, mail_server

pytestmark = [pytest.mark.services, pytest.mark.bus]

EMAILS: Final = int(os.environ.get("EXAMS_TEST_EMAILS", "500"))
KILLS: Final = int(os.environ.get("EXAMS_TEST_EMAIL_KILLS", "3"))
OUTAGE_SECONDS: Final = float(os.environ.get("EXAMS_TEST_EMAIL_OUTAGE", "3"))
#: Seconds that the mail server needs for one e-mail, and connections to it.
DELAY: Final = 0.1
CONNECTIONS: Final = 4
#: What the relay's memory may grow by while it sends, in kB.
GROWTH: Final = 20_000


@pytest.fixture
def smtp() -> Iterator[MailServerStandIn]:
    with mail_server(delay=DELAY) as server:
        yield server


@pytest.fixture
def learners(frail_database: Database) -> list[User]:
    """Learners of one proctored exam whose time is over."""
    alias = frail_database.alias
    for model in (OwedEmail, OutboxEvent, RelayLease):
        model.objects.using(alias).all().delete()
    stamp = f"{time.time_ns()}"
    provider = ProctoringProvider.objects.using(alias).create(name=f"mail{stamp}", verbose_name="Mail")
    exam = Exam(
        course_id="course-v1:Mail+1+2026",
        content_id=f"block-v1:Mail+1+2026+type@sequential+block@{stamp}",
        resource_id=stamp,
        exam_name="Final",
        exam_type="proctored",
        provider=provider,
        time_limit_mins=60,
        is_active=True,
    )
    Exam.objects.using(alias).bulk_create([exam])  # without its history row, which is written to the default database
    exam = Exam.objects.using(alias).get(resource_id=stamp)
    first = 1_000_000_000 + time.time_ns() // 1000 % 1_000_000_000  # of LMS user ids that nobody else has
    people = [
        User(username=f"mail{stamp}-{n}", email=f"mail{stamp}-{n}@example.com", lms_user_id=first + n)
        for n in range(EMAILS)
    ]
    User.objects.using(alias).bulk_create(people, batch_size=500)
    people = list(User.objects.using(alias).filter(username__startswith=f"mail{stamp}-").order_by("pk"))
    begun = timezone.now() - timedelta(hours=2)
    ExamAttempt.objects.using(alias).bulk_create(
        [
            ExamAttempt(
                user=user, exam=exam, attempt_number=1, status="started", start_time=begun, allowed_time_limit_mins=60
            )
            for user in people
        ],
        batch_size=500,
    )
    return people


@pytest.fixture
def relays(frail_database: Database, smtp: MailServerStandIn, tmp_path: Path) -> Iterator["Relays"]:
    running = Relays(frail_database, smtp.port, tmp_path / "relay.log")
    yield running
    running.end()


class Relays:
    """One relay after the other."""

    def __init__(self, database: Database, port: int, output: Path) -> None:
        self._database, self.output = database, output
        self.options = {"EXAMS_TEST_SMTP_PORT": str(port)}
        self._active: RelayProcess | None = None

    @property
    def active(self) -> RelayProcess:
        assert self._active is not None, "none was started"
        return self._active

    def start(self) -> None:
        """Start a relay; one that is running is killed before."""
        self.end()
        relay = self._active = RelayProcess(self._database, self.output, self.options)
        wait_until(lambda: relay.holds_the_lease(self._database), "the relay has the lease")

    def end(self) -> None:
        """SIGKILL the relay."""
        if self._active is not None:
            self._active.kill()


def sweep(database: Database) -> None:
    done = database.manage("submit_timed_out_attempts")
    assert done.returncode == 0, done.stderr


def states(database: Database) -> Counter[str]:
    return Counter(OwedEmail.objects.using(database.alias).values_list("state", flat=True))


def resident_kilobytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_every_learner_gets_the_e_mail_of_a_sweep_whatever_fails(
    frail_database: Database, learners: list[User], smtp: MailServerStandIn, relays: Relays
) -> None:
    unknown = learners[len(learners) // 2].email
    smtp.verdict = lambda to: f"550 {to} is not known here" if to == unknown else None
    sweep(frail_database)
    relays.start()
    began = time.monotonic()

    def sent() -> int:
        return len(smtp.messages)

    for kill in range(KILLS):
        wait_until(lambda: sent() >= EMAILS * (kill + 1) // (KILLS + 3), "some are sent", EMAILS)  # noqa: B023
        relays.start()
    before_outage = resident_kilobytes(relays.active.pid)
    smtp.is_down = True
    time.sleep(OUTAGE_SECONDS)
    smtp.is_down = False
    wait_until(lambda: states(frail_database)["pending"] == 0, "all are sent", 120 + EMAILS)
    took = time.monotonic() - began
    memory = resident_kilobytes(relays.active.pid)

    assert states(frail_database) == {"sent": EMAILS - 1, "failed": 1}
    assert set(smtp.recipients) == {user.email for user in learners} - {unknown}
    by_id = Counter(message["Message-ID"] for message in smtp.messages)
    assert len(by_id) == EMAILS - 1
    repeated = sum(by_id.values()) - len(by_id)
    assert repeated <= (KILLS + 1) * CONNECTIONS
    assert smtp.most_connections <= 2 * CONNECTIONS  # of a relay that was killed, and of its successor
    assert memory - before_outage < GROWTH
    log = relays.output.read_text(encoding="utf-8")
    assert unknown not in log
    assert "@example.com" not in log
    print(f"{EMAILS} e-mails, {KILLS} kills, {repeated} repeated, {took:.0f} s, {before_outage} -> {memory} kB")


def test_sigterm_loses_and_repeats_none(
    frail_database: Database, learners: list[User], smtp: MailServerStandIn, relays: Relays
) -> None:
    del learners[:]
    sweep(frail_database)
    relays.start()
    wait_until(lambda: len(smtp.messages) > 10, "some are sent")
    assert relays.active.end() == 0
    unsent = states(frail_database)["pending"]
    assert len(smtp.messages) + unsent == EMAILS
    assert len({message["Message-ID"] for message in smtp.messages}) == len(smtp.messages)


def test_a_mail_server_that_refuses_the_log_in_is_a_line_a_minute_and_loses_none(
    frail_database: Database, learners: list[User], smtp: MailServerStandIn, relays: Relays
) -> None:
    del learners[:]
    smtp.log_in = "535 5.7.8 the-wrong-password is not the password of exams"
    relays.options["EXAMS_TEST_SMTP_LOG_IN"] = "exams:the-wrong-password"
    sweep(frail_database)
    relays.start()
    wait_until(lambda: "SMTPAuthenticationError 535" in relays.output.read_text(), "the relay says it")
    time.sleep(OUTAGE_SECONDS)
    smtp.log_in = "235 Welcome"
    wait_until(lambda: states(frail_database) == {"sent": EMAILS}, "all are sent", 120 + EMAILS)
    said = relays.output.read_text()
    lines = [line for line in said.splitlines() if "SMTPAuthenticationError" in line]
    assert len(lines) <= 1 + OUTAGE_SECONDS // 60
    assert "EMAIL_HOST_USER" in lines[0]
    assert "Traceback" not in said
    assert "wrong-password" not in said
