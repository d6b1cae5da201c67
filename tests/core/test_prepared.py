"""A prepared look-up finds what the ORM finds, with every value as the ORM reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.prepared import Prepared, newest
from tests.factories import ExamFactory, OldAttemptFactory, ProviderFactory, UserFactory

pytestmark = pytest.mark.django_db

StatementsOf = Callable[[Callable[[], Any]], list[str]]


def values(row: Model) -> dict[str, Any]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_rows_and_their_related_row_are_read_in_one_statement(statements_of: StatementsOf) -> None:
    now = timezone.now()
    attempt = OldAttemptFactory.create(start_time=now, paused_at=now, paused_seconds=1.5, exam__due_date=now)
    OldAttemptFactory.create(user=attempt.user)
    find = Prepared(
        ExamAttempt,
        lambda user_id, exam_id: ExamAttempt.objects.filter(user_id=user_id, exam_id=exam_id),
        int,
        int,
        related="exam",
    )
    for _ in range(2):
        found: list[ExamAttempt] = []
        made = statements_of(lambda: found.extend(find(attempt.user_id, attempt.exam_id)))  # noqa: B023
        assert statements_of(lambda: [row.exam.exam_name for row in found]) == []  # noqa: B023
        assert len(made) == 1
        (row,) = found
        assert values(row) == values(ExamAttempt.objects.get(pk=attempt.pk))
        assert values(row.exam) == values(Exam.objects.get(pk=attempt.exam_id))


def test_a_related_row_may_be_missing() -> None:
    find = Prepared(Exam, lambda course: Exam.objects.filter(course_id=course), str, related="provider")
    without, having = ExamFactory.create(), ExamFactory.create(provider=ProviderFactory.create())
    found = {exam.pk: exam.provider for exam in find(without.course_id)}
    assert found == {without.pk: None, having.pk: having.provider}


@pytest.mark.parametrize("name", ["ada", "a'b", "50%", "%s", "ада", "\ue0000\ue000", ""])
def test_arguments_are_parameters(name: str) -> None:
    find = Prepared(User, lambda given: User.objects.filter(username=given), str)
    UserFactory.create(username="other")
    user = UserFactory.create(username=name)
    (row,) = find(name)
    assert values(row) == values(User.objects.get(pk=user.pk))
    row.first_name = "Ada"
    row.save()
    assert User.objects.get(pk=user.pk).first_name == "Ada"


@pytest.mark.parametrize("number", [2**31, 2**63, 10**30, -(10**30)])
def test_a_number_that_no_column_holds_finds_nothing(number: int) -> None:
    ExamFactory.create()
    assert Prepared(Exam, lambda exam_id: Exam.objects.filter(pk=exam_id), int)(number) == []


def test_the_newest_of_nothing_is_nothing() -> None:
    assert newest([]) is None
