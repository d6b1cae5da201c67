# SPDX-License-Identifier: AGPL-3.0-only
"""
Writes of the domain: one transaction, locks first and in one order, and again after a deadlock.

The order: the course's configuration, then users, then attempts, each by ascending id. Whoever keeps to it cannot
deadlock with another who does. The first statement of a transaction is the one that waits for its lock: at REPEATABLE
READ the first plain read fixes what all later ones see, and must not be from before the wait. Rows are never searched
for with a lock, but locked by their ids: a locking search that finds nothing locks the gap where others want to insert.
"""

import functools
import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.models import Model

from edx_exams.apps.core.exceptions import DatabaseBusy, InvalidCourseId
from edx_exams.apps.core.limits import MAX_IDENTIFIER_LENGTH, has_outer_blanks
from edx_exams.apps.core.metrics import lock_waits
from edx_exams.apps.core.models import CourseExamConfiguration, ExamAttempt, User
from edx_exams.apps.core.prepared import Prepared

log = logging.getLogger(__name__)

#: Times that a transaction is run before the caller hears "busy".
TRIES: Final = 4
#: Seconds to wait before the second try, doubled for each further one and scattered.
FIRST_PAUSE: Final = 0.02

#: Errors of MySQL and MariaDB after which the same transaction may well succeed: lock wait time-out, deadlock, and
#: (MariaDB, snapshot isolation) a row changed since it was read.
_MYSQL_TRANSIENT: Final = frozenset({1205, 1213, 1020})

_lock_user: Final = Prepared(User, lambda user_id: User.objects.select_for_update().filter(pk=user_id), int, locks=True)
_lock_attempt: Final = Prepared(
    ExamAttempt, lambda attempt_id: ExamAttempt.objects.select_for_update().filter(pk=attempt_id), int, locks=True
)

_lock_configuration: Final = Prepared(
    CourseExamConfiguration,
    lambda course_id: CourseExamConfiguration.objects.select_for_update().filter(course_id=course_id),
    str,
    locks=True,
)


def is_transient(error: OperationalError) -> bool:
    """Tell whether the database gave up on a transaction only because of others at work."""
    if connection.vendor == "mysql":
        return bool(error.args) and error.args[0] in _MYSQL_TRANSIENT
    return "is locked" in str(error)


def write_transaction[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """
    Decorate a function whose body is one transaction, run again after a deadlock or lock time-out.

    The body may so run several times: it changes none of its arguments, and nothing outside the database.

    Called within another transaction it joins that one: the outer transaction decides whether what was written stays,
    and it alone can be run again. A refusal (any exception) undoes the body in either case.

    :raises DatabaseBusy: it did not come through in `TRIES` tries
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return _run(lambda: function(*args, **kwargs), function.__name__, durable=False)

    return run


def durable_transaction[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """
    Decorate as `write_transaction` does a function whose writes stay whatever its caller comes to afterwards.

    Within another transaction, which could undo them, calling it is an error of the program.

    :raises RuntimeError: there is an outer transaction
    :raises DatabaseBusy: it did not come through in `TRIES` tries
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return _run(lambda: function(*args, **kwargs), function.__name__, durable=True)

    return run


def _run[R](body: Callable[[], R], name: str, *, durable: bool) -> R:
    is_nested = connection.in_atomic_block
    for failures in range(TRIES):
        if failures:
            time.sleep(FIRST_PAUSE * 2**failures * random.uniform(0.5, 1.5))  # noqa: S311  (no secret)
        try:
            with transaction.atomic(durable=durable):
                return body()
        except OperationalError as error:
            if is_nested or not is_transient(error):
                raise
            lock_waits.inc()
            log.warning("%s met another transaction (try %d of %d)", name, failures + 1, TRIES)
    raise DatabaseBusy


def lock_users(user_ids: Iterable[int | None], *, skip_locked: bool = False) -> dict[int, User]:
    """
    Lock these people's rows until the transaction ends.

    :param user_ids: in any order; None is passed over
    :param skip_locked: leave out those whom another transaction holds, where the database knows how
    :returns: the people whose rows are locked now, as they are now, by id
    """
    wanted = {user_id for user_id in user_ids if user_id is not None}
    if not wanted:
        return {}
    if len(wanted) == 1 and not skip_locked:  # as for nearly all requests
        return {user.pk: user for user in _lock_user(*wanted)}
    skip = skip_locked and connection.features.has_select_for_update_skip_locked
    users = User.objects.select_for_update(skip_locked=skip).filter(pk__in=wanted).order_by("pk")
    return {user.pk: user for user in users}


def lock_attempts(attempt_ids: Iterable[int]) -> dict[int, ExamAttempt]:
    """Lock these attempts and read them as they are now, by id. Their learners are locked already."""
    ids = set(attempt_ids)
    if not ids:
        return {}
    if len(ids) == 1:
        return {attempt.pk: attempt for attempt in _lock_attempt(*ids)}
    attempts = ExamAttempt.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    return {attempt.pk: attempt for attempt in attempts}


def lock_configuration(course_id: str) -> CourseExamConfiguration:
    """
    Lock the course's configuration, made without a provider where there is none: writers of a course take turns on it.

    Insert-or-keep takes the row's exclusive lock at once; two transactions that looked first would both find nothing
    and then deadlock over who inserts.

    :raises InvalidCourseId: some databases would refuse to keep this, others would not
    """
    if len(course_id) > MAX_IDENTIFIER_LENGTH or not course_id.isprintable() or has_outer_blanks(course_id):
        message = (
            f"A course id is of at most {MAX_IDENTIFIER_LENGTH} characters, all of which can be seen, "
            "and neither begins nor ends with white space."
        )
        raise InvalidCourseId(message)
    upsert([CourseExamConfiguration(course_id=course_id)], unique=("course_id",), update=("course_id",))
    (configuration,) = _lock_configuration(course_id)
    return configuration


def upsert[M: Model](rows: Sequence[M], *, unique: Sequence[str], update: Sequence[str]) -> None:
    """
    Insert rows, or update the named fields of those that exist, in one statement.

    The one home of a difference between databases: SQLite demands to be told the unique fields, MySQL refuses to.
    """
    if not rows:
        return
    targets: dict[str, Any] = {}
    if connection.features.supports_update_conflicts_with_target:
        targets["unique_fields"] = unique
    type(rows[0])._default_manager.bulk_create(rows, update_conflicts=True, update_fields=update, **targets)
