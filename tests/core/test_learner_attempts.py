# SPDX-License-Identifier: AGPL-3.0-only
"""Attempts in progress that come along with the person: they say what a question of their own would."""

import pytest
from django.db import connection

from edx_exams.apps.core.api import learners_by_id, running_attempt
from edx_exams.apps.core.models import User
from tests import factories
from tests.conftest import ClientFor, CountStatements

pytestmark = pytest.mark.django_db


def test_they_are_the_ones_that_a_question_would_find(learner: User, at_most: CountStatements) -> None:
    factories.submitted_attempt(user=learner)
    first = factories.running_attempt(user=learner)
    fields = {"status": "started", "start_time": first.start_time, "allowed_time_limit_mins": 60}
    running = {first, factories.OldAttemptFactory.create(user=learner, **fields)}
    factories.running_attempt()
    (person,) = learners_by_id(learner.lms_user_id or 0)
    assert person == learner
    newest = max(running, key=lambda attempt: (attempt.created, attempt.pk))
    with at_most(0):
        assert running_attempt(person, "").attempt == newest
    asked_for = (running - {newest}).pop()
    (person,) = learners_by_id(learner.lms_user_id or 0)
    with at_most(0):
        assert running_attempt(person, asked_for.exam.content_id).attempt == asked_for


def test_they_answer_one_question_and_the_next_one_is_asked_anew(learner: User) -> None:
    attempt = factories.running_attempt(user=learner)
    (person,) = learners_by_id(learner.lms_user_id or 0)
    assert running_attempt(person, "").attempt == attempt
    attempt.delete()
    assert running_attempt(person, "").attempt is None


def test_a_person_without_any_is_asked_for_none(learner: User, at_most: CountStatements) -> None:
    (person,) = learners_by_id(learner.lms_user_id or 0)
    with at_most(0):
        assert running_attempt(person, "").attempt is None
    assert learners_by_id(987_654_321) == []


def test_two_rows_of_one_id_have_their_own(learner: User) -> None:
    other = factories.UserFactory.create(lms_user_id=learner.lms_user_id)
    attempts = {user.pk: factories.running_attempt(user=user) for user in (learner, other)}
    found = {person.pk: running_attempt(person, "").attempt for person in learners_by_id(learner.lms_user_id or 0)}
    assert found == attempts


def test_one_that_is_out_of_time_is_submitted(learner: User) -> None:
    overdue = factories.overdue_attempt(user=learner)
    (person,) = learners_by_id(learner.lms_user_id or 0)
    running, timed_out = running_attempt(person, "")
    assert (running, timed_out) == (None, overdue)
    overdue.refresh_from_db()
    assert overdue.status == "submitted"
    assert overdue.end_time is not None


def test_a_fault_in_reading_them_is_ours_and_no_bad_token(learner: User, client_for: ClientFor) -> None:
    factories.running_attempt(user=learner)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE exams_exam SET due_date = '2026-13-45 00:00:00'")  # by hand, on a database that lets it
    client = client_for(learner)
    client.raise_request_exception = False
    assert client.get("/api/v1/exams/attempt/latest").status_code == 500
