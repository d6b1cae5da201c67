# SPDX-License-Identifier: AGPL-3.0-only
"""One transaction, locks first, and again after a deadlock."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction

from edx_exams.apps.core.exceptions import DatabaseBusy
from edx_exams.apps.core.models import CourseExamConfiguration, StudentAllowance, User
from edx_exams.apps.core.transactions import (
    TRIES,
    lock_attempts,
    lock_configuration,
    lock_users,
    upsert,
    write_transaction,
)
from tests.factories import COURSE_ID, ConfigurationFactory, UserFactory, make_attempt

StatementsOf = Callable[[Callable[[], Any]], list[str]]
LOCKED = "database is locked"


class Clash:
    """A write that another transaction gets in the way of, so many times."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.times, self.calls = times, 0
        self.error = error or OperationalError(LOCKED)

    def __call__(self) -> int:
        self.calls += 1
        UserFactory.create(username=f"try{self.calls}")
        if self.calls <= self.times:
            raise self.error
        return self.calls

    @property
    def write(self) -> Callable[[], int]:
        """The write as the domain decorates it."""

        @write_transaction
        def write() -> int:
            return self()

        return write


def usernames() -> list[str]:
    return list(get_user_model().objects.order_by("pk").values_list("username", flat=True))


@pytest.mark.django_db(transaction=True)
class TestWriteTransaction:
    """`write_transaction`, outermost."""

    @pytest.mark.parametrize("clashes", range(TRIES))
    def test_it_runs_again_until_it_comes_through_and_keeps_nothing_of_the_tries_before(self, clashes: int) -> None:
        clash = Clash(clashes)
        assert clash.write() == clashes + 1
        assert usernames() == [f"try{clashes + 1}"]

    def test_it_gives_up_in_the_end_and_nothing_has_changed(self, caplog: pytest.LogCaptureFixture) -> None:
        clash = Clash(TRIES)
        with pytest.raises(DatabaseBusy) as busy:
            clash.write()
        assert clash.calls == TRIES == 4
        assert (busy.value.http_status, busy.value.retry_after) == (503, 2)
        assert usernames() == []
        assert f"write met another transaction (try {TRIES} of {TRIES})" in caplog.text

    @pytest.mark.parametrize("error", [OperationalError("disk I/O error"), ValueError("no")])
    def test_any_other_error_is_the_callers_at_once(self, error: Exception) -> None:
        clash = Clash(TRIES, error)
        with pytest.raises(type(error), match=str(error)):
            clash.write()
        assert clash.calls == 1
        assert usernames() == []

    def test_within_another_transaction_it_joins_that_one_and_leaves_running_again_to_it(self) -> None:
        inner = Clash(2)

        @write_transaction
        def outer() -> int:
            UserFactory.create(username=f"outer{inner.calls}")
            return inner.write()

        assert outer() == 3
        assert usernames() == ["outer2", "try3"]

    def test_what_fails_within_another_transaction_takes_only_its_own_writes_back(self) -> None:
        inner = Clash(1, ValueError("no"))
        with transaction.atomic():
            UserFactory.create(username="outer")
            with pytest.raises(ValueError, match="no"):
                inner.write()
        assert usernames() == ["outer"]

    def test_the_functions_name_and_words_are_kept(self) -> None:
        @write_transaction
        def named() -> None:
            """Words."""

        assert (named.__name__, named.__doc__) == ("named", "Words.")


@pytest.mark.django_db
class TestLocks:
    """Rows are locked by their ids, in ascending order."""

    def test_people_are_locked_as_they_are_now_and_those_who_are_not_there_are_left_out(self) -> None:
        users = [UserFactory.create() for _ in range(3)]
        locked = lock_users([users[2].pk, None, users[0].pk, users[0].pk, 10**6])
        assert locked == {users[0].pk: users[0], users[2].pk: users[2]}
        assert list(locked) == sorted(locked)

    def test_attempts_likewise(self) -> None:
        attempts = [make_attempt() for _ in range(2)]
        assert list(lock_attempts([attempts[1].pk, attempts[0].pk, 10**6])) == [attempt.pk for attempt in attempts]

    def test_nothing_to_lock_costs_nothing(self, statements_of: StatementsOf) -> None:
        assert statements_of(lambda: (lock_users([None]), lock_attempts([]))) == []

    def test_skipping_what_is_locked_is_asked_only_of_databases_that_know_how(self, learner: User) -> None:
        assert lock_users([learner.pk], skip_locked=True) == {learner.pk: learner}

    def test_a_courses_configuration_is_created_without_provider_where_there_is_none(self) -> None:
        configuration = lock_configuration(COURSE_ID)
        assert (configuration.course_id, configuration.provider) == (COURSE_ID, None)
        assert lock_configuration(COURSE_ID) == configuration
        assert CourseExamConfiguration.objects.count() == 1

    def test_a_configuration_that_is_there_stays_as_it_is(self) -> None:
        before = ConfigurationFactory.create(escalation_email="help@example.com")
        after = lock_configuration(COURSE_ID)
        same = ("pk", "provider_id", "escalation_email", "created", "modified")
        assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]


@pytest.mark.django_db
def test_upserting_nothing_costs_nothing(statements_of: StatementsOf) -> None:
    nothing: list[StudentAllowance] = []
    assert statements_of(lambda: upsert(nothing, unique=("user", "exam"), update=("extra_time_mins",))) == []


@pytest.mark.django_db
def test_bulk_writes_are_not_cut_into_pieces_by_what_django_believes_of_sqlite() -> None:
    if connection.vendor == "sqlite":
        assert connection.features.max_query_params > 30_000  # type: ignore[operator]
