# SPDX-License-Identifier: AGPL-3.0-only
"""Several rows of one instance, as the earlier service left them: an attempt of one is the attempt of all."""

from typing import Any, Final

import pytest
from django.utils import timezone

from edx_exams.apps.core.api import (
    act_as_learner,
    attempts_of_instance,
    create_exam_attempt,
    exam_not_in_progress,
    grant_access,
    latest_attempt,
    reset_and_recreate,
    reset_attempts_of,
)
from edx_exams.apps.core.exceptions import ContentAccessDenied, ExamAttemptAlreadyExists, ExamDoesNotExist, ExamRetired
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction
from tests.conftest import CountStatements
from tests.core.conftest import NOON
from tests.factories import COURSE_ID, ExamFactory, OldAttemptFactory, ProviderFactory, submitted_attempt

pytestmark = pytest.mark.django_db

#: A row as the earlier service left it: older, or the one that is active now.
OLD: Final = {"is_active": False}


@pytest.fixture
def rows() -> tuple[Exam, Exam]:
    """Two rows of a timed exam: a retired one with the course's provider of then, and the active one."""
    old = ExamFactory.create(provider=ProviderFactory.create(), **OLD)
    return old, ExamFactory.create(content_id=old.content_id)


@pytest.mark.parametrize(
    ("status", "began", "is_in_the_way"),
    [
        ("created", False, False),
        ("download_software_clicked", False, False),
        ("ready_to_start", False, False),
        ("created", True, True),
        ("started", True, True),
        ("submitted", True, True),
        ("rejected", True, True),
        ("error", False, True),
        ("expired", False, True),
    ],
)
def test_whoever_has_begun_on_one_row_does_not_begin_on_another(
    status: str, began: bool, is_in_the_way: bool, rows: tuple[Exam, Exam], learner: User
) -> None:
    old, active = rows
    began_at = timezone.now() if began else None
    of_old = OldAttemptFactory.create(exam=old, user=learner, status=status, start_time=began_at)
    shown = exam_not_in_progress(learner.pk, COURSE_ID, active.content_id)
    assert shown is not None
    assert shown.attempt == (of_old if is_in_the_way else None)
    if is_in_the_way:
        with pytest.raises(ExamAttemptAlreadyExists):
            create_exam_attempt(active.pk, learner.pk, start_clock=True)
        return
    assert latest_attempt(learner.pk, active.content_id, None) is None
    assert create_exam_attempt(active.pk, learner.pk, start_clock=True)


@pytest.mark.parametrize("same_row", [True, False])
def test_a_clock_does_not_start_beside_an_attempt_that_has_begun(
    same_row: bool, rows: tuple[Exam, Exam], learner: User
) -> None:
    old, active = rows
    waiting = OldAttemptFactory.create(exam=active, user=learner)
    OldAttemptFactory.create(exam=active if same_row else old, user=learner, status="verified", start_time=NOON)
    with pytest.raises(ExamAttemptAlreadyExists):
        act_as_learner(waiting, LearnerAction.START, learner=learner)


@pytest.mark.usefixtures("without_one_active_exam_each")
@pytest.mark.parametrize("kind", ["timed", "practice"])
def test_beside_a_newer_active_row_an_active_one_counts_as_retired(kind: str, learner: User) -> None:
    older = ExamFactory.create()
    newer = ExamFactory.create(content_id=older.content_id, exam_type=kind)
    with pytest.raises(ExamDoesNotExist):
        create_exam_attempt(older.pk, learner.pk)
    waiting = OldAttemptFactory.create(exam=older, user=learner)
    with pytest.raises(ExamRetired):
        act_as_learner(waiting, LearnerAction.START, learner=learner)
    create_exam_attempt(newer.pk, learner.pk, start_clock=True)


def test_a_verdict_on_one_row_decides_who_sees_the_content_of_another(rows: tuple[Exam, Exam], learner: User) -> None:
    old, active = rows
    Exam.objects.filter(content_id=old.content_id).update(due_date=NOON)
    active.refresh_from_db()
    attempt = OldAttemptFactory.create(exam=old, user=learner, status="submitted", start_time=NOON)
    assert grant_access(active, learner).expires_in == 60
    ExamAttempt.objects.filter(pk=attempt.pk).update(status="rejected")
    with pytest.raises(ContentAccessDenied):
        grant_access(active, learner)


@pytest.mark.parametrize(
    ("difference", "is_same"),
    [
        ({}, True),
        ({"exam_name": "Another name", "time_limit_mins": 5}, True),
        ({"exam_type": "practice"}, False),
        ({"course_id": "course-v1:Acme+BIO102+2026"}, False),
        ({"content_id": "block-v1:Acme+BIO101+2026+type@sequential+block@other"}, False),
        ({"provider": "another"}, False),
        ({"provider": None}, False),
    ],
)
def test_instances_are_told_apart_by_course_content_type_and_provider(
    difference: dict[str, Any], is_same: bool, learner: User
) -> None:
    old = ExamFactory.create(proctored=True, **OLD)
    if difference.get("provider"):
        difference = {"provider": ProviderFactory.create()}
    same = {name: getattr(old, name) for name in ("course_id", "content_id", "exam_type", "provider")}
    active = ExamFactory.create(**{**same, **difference})
    of_old = OldAttemptFactory.create(exam=old, user=learner, status="submitted", start_time=NOON)
    assert list(attempts_of_instance(active)) == ([of_old] if is_same else [])
    if is_same:
        with pytest.raises(ExamAttemptAlreadyExists):
            create_exam_attempt(active.pk, learner.pk)
    else:
        create_exam_attempt(active.pk, learner.pk)


def test_a_practice_exam_is_begun_again_on_the_active_row(learner: User) -> None:
    old = ExamFactory.create(practice=True, **OLD)
    active = ExamFactory.create(practice=True, content_id=old.content_id)
    for exam in (old, old, active):
        OldAttemptFactory.create(exam=exam, user=learner, status="submitted", start_time=NOON)
    somebody_elses = submitted_attempt(active)
    of_old = ExamAttempt.objects.filter(exam=old).select_related("exam", "user")[0]
    fresh = reset_and_recreate(of_old, learner)
    assert list(ExamAttempt.objects.filter(user=learner).values_list("pk", "exam")) == [(fresh, active.pk)]
    assert ExamAttempt.objects.filter(pk=somebody_elses.pk).exists()


def test_the_course_team_resets_the_attempts_of_all_rows(rows: tuple[Exam, Exam], learner: User) -> None:
    old, active = rows
    OldAttemptFactory.create(exam=old, user=learner, status="submitted", start_time=NOON)
    reset_attempts_of(learner.username, active, requesting_user=learner)
    assert create_exam_attempt(active.pk, learner.pk)


@pytest.mark.parametrize("others", [0, 5])
def test_rows_and_attempts_of_old_cost_no_statement(others: int, learner: User, at_most: CountStatements) -> None:
    active = ExamFactory.create()
    for _ in range(others):
        OldAttemptFactory.create(exam=ExamFactory.create(content_id=active.content_id, **OLD), user=learner)
    with at_most(13):
        create_exam_attempt(active.pk, learner.pk, start_clock=True)
