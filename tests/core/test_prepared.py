# SPDX-License-Identifier: AGPL-3.0-only
"""A prepared look-up finds what the ORM finds, with every value as the ORM reads it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Model
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.prepared import Prepared, PreparedForIds, PreparedRows, newest
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
        related=("exam",),
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
    find = Prepared(Exam, lambda course: Exam.objects.filter(course_id=course), str, related=("provider",))
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


@pytest.mark.django_db(transaction=True)
def test_rows_are_locked_within_a_transaction_alone() -> None:
    user = UserFactory.create()
    lock = Prepared(User, lambda pk: User.objects.select_for_update().filter(pk=pk), int, locks=True)
    with transaction.atomic():
        assert lock(user.pk) == [user]
    with pytest.raises(TransactionManagementError):
        lock(user.pk)


def test_values_come_in_the_order_of_the_queryset() -> None:
    exams = [ExamFactory.create(exam_name=name, course_id="c") for name in ("b", "c", "a")]
    find = PreparedRows(
        Exam, lambda course: Exam.objects.filter(course_id=course).order_by("exam_name").values_list("pk"), str
    )
    for _ in range(2):
        assert [pk for (pk,) in find("c")] == [exams[2].pk, exams[0].pk, exams[1].pk]
    assert find("d") == []


@pytest.mark.parametrize(("rows", "statements"), [(0, 0), (1, 1), (11, 1), (1_001, 2)])
def test_ids_are_looked_up_by_the_thousand(rows: int, statements: int, statements_of: StatementsOf) -> None:
    made = User.objects.bulk_create(User(username=f"user {number}") for number in range(rows))
    UserFactory.create()
    find = PreparedForIds(User, lambda ids: User.objects.filter(pk__in=ids).values_list("pk", "username"))
    found: list[Any] = []
    assert len(statements_of(lambda: found.extend(find([user.pk for user in made])))) == statements
    assert sorted(found) == sorted((user.pk, user.username) for user in made)


def test_the_newest_of_nothing_is_nothing() -> None:
    assert newest([]) is None
