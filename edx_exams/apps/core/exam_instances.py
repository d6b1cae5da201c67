# SPDX-License-Identifier: AGPL-3.0-only
"""
The instances of an exam, of which one at most is active: retired, made active again, made new.

An instance is a course's content with an exam type and a provider. Its attempts stay with it, so whoever comes back to
one finds its attempts: coming back gives nobody a second clock. Allowances belong to the content, and move along to the
instance that becomes active.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from django.db.models import Max

from edx_exams.apps.core import history
from edx_exams.apps.core.data import ExamDefinition
from edx_exams.apps.core.exam_types import get_exam_type
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.owed_time import give_what_is_owed, learners_running
from edx_exams.apps.core.prepared import Prepared, age
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transactions import lock_users, upsert

#: What authors may change of an exam for those who are in the middle of it, whatever instance they are on.
_WRITTEN_WHILE_RUNNING: Final = ("exam_name", "time_limit_mins", "due_date", "hide_after_due")
#: What authors may change of an exam without making it another instance.
_DEFINED: Final = (*_WRITTEN_WHILE_RUNNING, "is_active")
_STORED: Final = (*_DEFINED, "provider")
#: A change of one of these may owe time to whoever is in the middle of the exam.
_OF_THE_CLOCK: Final = frozenset({"time_limit_mins", "due_date"})

_of_course: Final = Prepared(Exam, lambda course_id: Exam.objects.filter(course_id=course_id), str)


class Reasons(NamedTuple):
    """Words for the history: why exams were retired, changed, made active again, made."""

    retired: str
    changed: str
    returned: str
    created: str


def provider_for(exam_type: str, provider_id: int | None) -> int | None:
    """Return the provider of an exam of this type in a course with that provider: it proctors what is proctored."""
    kind = get_exam_type(exam_type)
    return provider_id if kind and kind.is_proctored else None


def type_and_provider(exam: Exam) -> tuple[str, int | None]:
    """Return what tells instances of a content apart. A timed exam of the earlier service has a provider: no matter."""
    return exam.exam_type, provider_for(exam.exam_type, exam.provider_id)


class Instances:
    """A course's exams, active and retired, as they are in the transaction that holds the course's configuration."""

    def __init__(self, course_id: str) -> None:
        self.course_id = course_id
        #: The active exam of each content.
        self.active: dict[str, Exam] = {}
        #: Active exams beside those, which old databases hold: they count as retired.
        self.surplus: list[Exam] = []
        self._retired: dict[str, list[Exam]] = {}
        for exam in sorted(_of_course(course_id), key=age, reverse=True):
            if not exam.is_active:
                self._retired.setdefault(exam.content_id, []).append(exam)
            elif self.active.setdefault(exam.content_id, exam) is not exam:
                self.surplus.append(exam)
                self._retired.setdefault(exam.content_id, []).append(exam)

    def retired(self, content_id: str) -> Sequence[Exam]:
        """Return the content's retired instances, the newest first."""
        return self._retired.get(content_id, [])

    def find(self, content_id: str, exam_type: str, provider_id: int | None) -> Exam | None:
        """Return the retired instance of this type and provider, None if there never was one."""
        instance = exam_type, provider_id
        return next((exam for exam in self.retired(content_id) if type_and_provider(exam) == instance), None)

    def active_last(self, content_ids: Iterable[str]) -> dict[str, Exam]:
        """Return which retired instance of each of these contents was active last: one statement."""
        candidates = {exam.pk: exam for content_id in content_ids for exam in self.retired(content_id)}
        if not candidates:
            return {}
        was_active = (
            Exam.history.filter(id__in=candidates, is_active=True).values("id").annotate(last=Max("history_id"))
        )
        latest = {row["id"]: row["last"] for row in was_active}
        found: dict[str, Exam] = {}
        for exam in sorted(candidates.values(), key=lambda exam: (latest.get(exam.pk, 0), exam.modified)):
            found[exam.content_id] = exam
        return found


@dataclass
class Changes:
    """The changes of a course's exams, decided and not yet written."""

    instances: Instances
    retired: list[Exam] = field(default_factory=list)
    changed: list[Exam] = field(default_factory=list)
    returned: list[Exam] = field(default_factory=list)
    created: list[Exam] = field(default_factory=list)
    #: Definitions by content, for retired instances on which somebody is running.
    definitions: dict[str, ExamDefinition] = field(default_factory=dict)
    _owing: set[int] = field(default_factory=set)

    def redefine(self, exam: Exam, definition: ExamDefinition) -> None:
        """Change the active instance in place."""
        if self._define(exam, definition, _DEFINED):
            self.changed.append(exam)

    def bring(self, definition: ExamDefinition, provider_id: int | None) -> None:
        """Make the instance that the definition names active: the one that there was, or a new one."""
        provider_id = provider_for(definition.exam_type, provider_id)
        if self._return(definition, provider_id):
            return
        resource_id = str(uuid.uuid4())
        course_id = self.instances.course_id
        fresh = Exam(course_id=course_id, resource_id=resource_id, provider_id=provider_id, **definition._asdict())
        self.created.append(fresh)

    def change_provider(self, exam: Exam, provider_id: int | None) -> None:
        """Replace an active exam by its instance with another provider, the same in all else."""
        provider_id = provider_for(exam.exam_type, provider_id)
        if type_and_provider(exam) == (exam.exam_type, provider_id):  # it is that instance
            if exam.provider_id != provider_id:
                exam.provider_id = provider_id
                self.changed.append(exam)
            return
        self.retired.append(exam)
        definition = ExamDefinition(*(getattr(exam, name) for name in ExamDefinition._fields))
        if self._return(definition, provider_id):
            return
        kept = {
            column.attname: getattr(exam, column.attname)
            for column in Exam._meta.concrete_fields
            if column.attname not in ("id", "modified", "provider_id")
        }
        self.created.append(Exam(provider_id=provider_id, **kept))

    def _return(self, definition: ExamDefinition, provider_id: int | None) -> bool:
        """Make the instance active again that there was. Tell whether there was one."""
        exam = self.instances.find(definition.content_id, definition.exam_type, provider_id)
        if exam is None:
            return False
        self._define(exam, definition, _DEFINED)
        exam.provider_id = provider_id
        self._owing.add(exam.pk)
        self.returned.append(exam)
        self.retired = [other for other in self.retired if other is not exam]
        return True

    def write(self, *, by: User | None, reasons: Reasons) -> None:
        """
        Write everything, with its history, allowances and owed time: as many statements for any number of exams.

        Part of a transaction that holds the course's configuration, and has locked nothing else.
        """
        running = self._running()
        allowances = _Allowances(self._successions())
        lock_users(
            [by.pk if by else None, *allowances.user_ids, *(user for users in running.values() for user in users)]
        )
        was_retired = self._redefine_running(running)
        for exam in self.retired:
            exam.is_active = False
        history.update_many(self.retired, _STORED, by=by, reason=reasons.retired)
        history.update_many([*self.changed, *was_retired], _STORED, by=by, reason=reasons.changed)
        history.update_many(self.returned, _STORED, by=by, reason=reasons.returned)
        self._insert(by=by, reason=reasons.created)
        allowances.hand_over()
        give_what_is_owed(
            self._owing, {user for users in running.values() for user in users}, by=by, reason=reasons.changed
        )

    def _define(self, exam: Exam, definition: ExamDefinition, names: Sequence[str]) -> bool:
        """Change the exam in memory. Tell whether anything is different now."""
        changed = {name for name in names if getattr(exam, name) != getattr(definition, name)}
        for name in changed:
            setattr(exam, name, getattr(definition, name))
        if changed & _OF_THE_CLOCK:
            self._owing.add(exam.pk)
        return bool(changed)

    def _running(self) -> Mapping[int, set[int]]:
        """Return who is in the middle of the exams that may change, by exam: one statement."""
        concerned = {exam.pk for exam in (*self.retired, *self.changed, *self.returned)}
        concerned.update(exam.pk for content_id in self.definitions for exam in self.instances.retired(content_id))
        if not concerned:
            return {}
        attempts = ExamAttempt.objects.filter(
            exam_id__in=concerned, status__in=sorted(ExamAttemptStatus.in_progress_statuses)
        )
        running: dict[int, set[int]] = {}
        for exam_id, user_id in attempts.values_list("exam_id", "user_id"):
            running.setdefault(exam_id, set()).add(user_id)
        return running

    def _redefine_running(self, running: Mapping[int, set[int]]) -> list[Exam]:
        """Change retired instances on which somebody is running; return those that had been retired before."""
        returned = {exam.pk for exam in self.returned}
        for exam in self.retired:
            if exam.pk in running and exam.content_id in self.definitions:
                self._define(exam, self.definitions[exam.content_id], _WRITTEN_WHILE_RUNNING)
        return [
            exam
            for content_id, definition in self.definitions.items()
            for exam in self.instances.retired(content_id)
            if exam.pk in running and exam.pk not in returned
            if self._define(exam, definition, _WRITTEN_WHILE_RUNNING)
        ]

    def _successions(self) -> list[tuple[Exam, Exam]]:
        """Return each instance that becomes active, after the one that was active last."""
        arriving = [*self.returned, *self.created]
        last = {**self.instances.active_last(exam.content_id for exam in arriving), **self.instances.active}
        return [
            (last[exam.content_id], exam)
            for exam in arriving
            if exam.content_id in last and last[exam.content_id] is not exam
        ]

    def _insert(self, *, by: User | None, reason: str) -> None:
        if not self.created:
            return
        Exam.objects.bulk_create(self.created)
        if any(exam.pk is None for exam in self.created):  # MySQL tells no ids of many rows; MariaDB and SQLite do
            active = Exam.objects.filter(course_id=self.instances.course_id, is_active=True)
            ids = dict(active.values_list("content_id", "pk"))
            for exam in self.created:
                exam.pk = ids[exam.content_id]
        history.record_created(self.created, by=by, reason=reason)


class _Allowances:
    """Allowances of exams that were active, and of those that follow them: read before any exam is written."""

    def __init__(self, successions: Sequence[tuple[Exam, Exam]]) -> None:
        self._successions = successions
        exams = {exam.pk for succession in successions for exam in succession if not exam._state.adding}
        self._of: dict[int, dict[int, StudentAllowance]] = {}
        found = StudentAllowance.objects.filter(exam_id__in=exams).order_by("pk") if exams else ()
        for allowance in found:
            self._of.setdefault(allowance.exam_id, {})[allowance.user_id] = allowance

    @property
    def user_ids(self) -> set[int]:
        """Ids of the learners concerned."""
        return {user_id for allowances in self._of.values() for user_id in allowances}

    def hand_over(self) -> None:
        """Give each follower exactly the allowances of the exam before it: two statements."""
        wanted: list[StudentAllowance] = []
        stale: list[int] = []
        for old, new in self._successions:
            theirs, present = self._of.get(old.pk, {}), self._of.get(new.pk, {})
            stale += [allowance.pk for user_id, allowance in present.items() if user_id not in theirs]
            wanted += [_copy(allowance, new) for allowance in theirs.values()]
        if stale:
            StudentAllowance.objects.filter(pk__in=stale).delete()
        upsert(wanted, unique=("user", "exam"), update=(*_GRANTED, "modified"))


#: Fields of an allowance that say how much is granted, whatever they are.
_GRANTED: Final = tuple(
    column.name
    for column in StudentAllowance._meta.concrete_fields
    if column.name not in ("id", "created", "modified", "user", "exam")
)


def _copy(allowance: StudentAllowance, exam: Exam) -> StudentAllowance:
    return StudentAllowance(
        user_id=allowance.user_id, exam_id=exam.pk, **{name: getattr(allowance, name) for name in _GRANTED}
    )


def edit(exam: Exam, fields: Sequence[str], *, by: User, reason: str) -> None:
    """
    Write these fields of an exam, as somebody has changed them by hand: allowances and owed time follow.

    Part of a transaction that holds the course's configuration, and has locked nothing else.
    """
    instances = Instances(exam.course_id)
    before = None
    if exam.is_active and "is_active" in fields:
        before = instances.active_last([exam.content_id]).get(exam.content_id)
    allowances = _Allowances([(before, exam)] if before and before.pk != exam.pk else [])
    learners = learners_running([exam.pk])
    lock_users([by.pk, *allowances.user_ids, *learners])
    history.save_with_history(exam, fields, by=by, reason=reason)
    allowances.hand_over()
    give_what_is_owed([exam.pk], learners, by=by, reason=reason)
