# SPDX-License-Identifier: AGPL-3.0-only
"""The e-mails that follow an attempt's outcome: who is owed one, and what it says."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from pytest_django import Settings

from edx_exams.apps.core.api import act_as_learner, check_if_exam_timed_out, update_attempt_status
from edx_exams.apps.core.emails import compose
from edx_exams.apps.core.models import ExamAttempt, OwedEmail, User
from edx_exams.apps.core.transition_rules import LearnerAction
from tests.core.conftest import reloaded
from tests.factories import (
    COURSE_ID,
    ConfigurationFactory,
    ExamFactory,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db


def owed() -> list[tuple[int, str, str]]:
    """Attempt, kind and state of each row."""
    return list(OwedEmail.objects.order_by("pk").values_list("attempt_id", "kind", "state"))


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    assert alternative[1] == "text/html"
    return str(alternative[0])


@pytest.fixture
def proctored(learner: User) -> ExamAttempt:
    """A running attempt of a proctored exam."""
    return running_attempt(ExamFactory.create(exam_name="Midterm <1>", proctored=True), learner)


class TestWhoIsOwedOne:
    """Learners of proctored exams that count, for three outcomes."""

    @pytest.mark.parametrize("status", ["submitted", "verified", "rejected"])
    def test_the_learner_of_a_proctored_attempt_for_its_outcome(self, status: str, proctored: ExamAttempt) -> None:
        update_attempt_status(proctored.pk, status)
        assert owed() == [(proctored.pk, status, "pending")]

    @pytest.mark.parametrize("status", ["error", "ready_to_submit", "second_review_required", "expired", "timed_out"])
    def test_not_for_other_changes(self, status: str, proctored: ExamAttempt) -> None:
        update_attempt_status(proctored.pk, status)
        assert owed() == []

    @pytest.mark.parametrize("exam_type", ["timed", "practice", "onboarding", "unheard of"])
    def test_not_for_other_exams(self, exam_type: str) -> None:
        attempt = submitted_attempt(ExamFactory.create(exam_type=exam_type))
        update_attempt_status(attempt.pk, "rejected")
        assert owed() == []

    def test_running_out_of_time_is_a_submission(self) -> None:
        attempt = overdue_attempt(ExamFactory.create(proctored=True))
        check_if_exam_timed_out(attempt)
        check_if_exam_timed_out(attempt)
        assert owed() == [(attempt.pk, "submitted", "pending")]

    def test_asking_again_owes_no_second_one(self, proctored: ExamAttempt) -> None:
        for _ in range(3):
            act_as_learner(proctored, LearnerAction.SUBMIT, learner=proctored.user)
        assert len(owed()) == 1

    def test_none_is_owed_for_a_change_that_is_rolled_back(self, proctored: ExamAttempt) -> None:
        with suppress(RuntimeError), transaction.atomic():
            update_attempt_status(proctored.pk, "submitted")
            raise RuntimeError
        assert reloaded(proctored).status == "started"
        assert owed() == []

    def test_the_row_holds_nothing_of_the_person_or_the_text(self, proctored: ExamAttempt) -> None:
        update_attempt_status(proctored.pk, "submitted")
        [row] = OwedEmail.objects.values()
        personal = (proctored.user.email, proctored.user.username, proctored.user.full_name, proctored.exam.exam_name)
        assert not any(text in str(value) for text in personal for value in row.values())


class TestContents:
    """HTML and plain text say the same."""

    def test_it_goes_to_the_learner_alone(self, proctored: ExamAttempt) -> None:
        message = compose(proctored, "submitted")
        assert message.subject == "Proctoring attempt submitted"
        assert message.from_email == "no-reply@example.com"
        assert (message.to, message.cc, message.bcc) == ([proctored.user.email], [], [])

    @pytest.mark.parametrize("kind", ["submitted", "verified", "rejected"])
    def test_it_names_the_exam_and_links_the_course_in_both_forms(self, kind: str, proctored: ExamAttempt) -> None:
        message = compose(proctored, kind)
        url = f"http://localhost:2000/course/{COURSE_ID}"
        assert 'your proctored exam "Midterm <1>"' in message.body
        assert url in message.body
        assert "Midterm &lt;1&gt;" in html_of(message)
        assert f'href="{url}"' in html_of(message)

    @pytest.mark.parametrize("kind", ["submitted", "verified", "rejected"])
    def test_the_introduction_is_the_greeting_alone(self, kind: str, proctored: ExamAttempt) -> None:
        assert compose(proctored, kind).body.split("\n\n")[0] == "Hello,"

    def test_the_plain_form_has_neither_markup_nor_gaps(self, proctored: ExamAttempt) -> None:
        body = str(compose(proctored, "rejected").body)
        assert not re.search(r"</?[a-z]+[ >]|&[a-z]+;", body)
        assert "\n\n\n" not in body
        assert body == body.strip()
        assert len(body.split("\n\n")) == 3

    def test_a_submission_promises_a_result_within_5_business_days(self, proctored: ExamAttempt) -> None:
        body = compose(proctored, "submitted").body
        assert "within 5 business days" in body
        assert "contact_us" not in body

    def test_a_rejection_says_how_to_appeal(self, proctored: ExamAttempt) -> None:
        assert "you can appeal" in compose(proctored, "rejected").body

    @pytest.mark.parametrize("kind", ["verified", "rejected"])
    def test_a_verdict_gives_the_courses_address(self, kind: str, proctored: ExamAttempt) -> None:
        ConfigurationFactory.create(escalation_email="help@example.com")
        message = compose(proctored, kind)
        assert 'href="mailto:help@example.com"' in html_of(message)
        assert "help@example.com" in message.body

    def test_an_address_adds_no_recipient_to_the_letter(self, proctored: ExamAttempt) -> None:
        ConfigurationFactory.create(escalation_email="a?cc=evil%40example.com&b@example.org")
        assert 'href="mailto:a%3Fcc%3Devil%2540example.com%26b@example.org"' in html_of(compose(proctored, "verified"))

    @pytest.mark.parametrize("has_configuration", [True, False])
    def test_or_the_platforms_support_page(self, has_configuration: bool, proctored: ExamAttempt) -> None:
        if has_configuration:
            ConfigurationFactory.create()
        ConfigurationFactory.create(course_id="course-v1:Acme+BIO102+2026", escalation_email="other@example.com")
        message = compose(proctored, "verified")
        assert 'href="http://localhost:18000/support/contact_us"' in html_of(message)
        assert "http://localhost:18000/support/contact_us" in message.body

    def test_operators_may_override_a_template(
        self, proctored: ExamAttempt, settings: Settings, tmp_path: Path
    ) -> None:
        override_template(
            settings,
            tmp_path,
            '{% extends "email/proctoring_attempt_base.html" %}{% block introduction %}Well done!{% endblock %}'
            "{% block contact_information %}{{ contact_url_text }} {{ contact_url }}{% endblock %}",
        )
        body = compose(proctored, "submitted").body
        assert body.startswith("Well done!")
        assert body.endswith("/support/contact_us")


def override_template(settings: Settings, directory: Path, template: str) -> None:
    """Put an operator's template of the e-mail about submissions before ours."""
    (directory / "email").mkdir()
    (directory / "email" / "proctoring_attempt_submitted.html").write_text(template)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [directory]}]
