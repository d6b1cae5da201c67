# SPDX-License-Identifier: AGPL-3.0-only
"""A course's exams: kept as its authors want them, looked up."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from edx_exams.apps.core.api import (
    get_course_exam,
    get_course_exam_by_id,
    get_course_exams,
    get_exam_by_content_id,
    get_exam_by_id,
    get_exam_provider,
    get_exam_url_path,
    get_provider_by_exam_id,
    is_exam_passed_due,
    sync_course_exams,
)
from edx_exams.apps.core.data import ExamDefinition
from edx_exams.apps.core.exam_types import EXAM_TYPES, get_exam_type
from edx_exams.apps.core.models import CourseExamConfiguration, Exam, StudentAllowance, User
from tests.core.conftest import NOON
from tests.factories import COURSE_ID, AllowanceFactory, ConfigurationFactory, ExamFactory, running_attempt

pytestmark = pytest.mark.django_db

StatementsOf = Callable[[Callable[[], Any]], list[str]]
OTHER_COURSE_ID = "course-v1:Acme+BIO102+2026"


def content(name: object) -> str:
    return f"block-v1:Acme+BIO101+2026+type@sequential+block@{name}"


def wanted(name: object = "a", **changes: Any) -> ExamDefinition:
    """An exam as its authors want it."""
    definition: dict[str, Any] = {
        "content_id": content(name),
        "exam_name": f"Exam {name}",
        "exam_type": "timed",
        "time_limit_mins": 60,
        "due_date": None,
        "hide_after_due": False,
        "is_active": True,
    }
    return ExamDefinition(**{**definition, **changes})


def the_exam(name: object = "a") -> Exam:
    """The course's one active exam of that content."""
    return Exam.objects.get(course_id=COURSE_ID, content_id=content(name), is_active=True)


def history_of(exam: Exam) -> list[tuple[str, bool, int | None, str | None]]:
    """An exam's history, oldest first: kind of change, whether active then, who, why."""
    rows = Exam.history.filter(id=exam.pk).order_by("history_id")
    return list(rows.values_list("history_type", "is_active", "history_user", "history_change_reason"))


class TestSync:
    """The body of a push is the whole desired state of the course."""

    def test_what_is_new_is_created(self, course_team: User) -> None:
        due = NOON + timedelta(days=1)
        sync_course_exams(COURSE_ID, [wanted(due_date=due, hide_after_due=True, time_limit_mins=0)], by=course_team)
        exam = the_exam()
        assert (exam.exam_name, exam.exam_type, exam.time_limit_mins) == ("Exam a", "timed", 0)
        assert (exam.due_date, exam.hide_after_due, exam.provider) == (due, True, None)
        assert str(uuid.UUID(exam.resource_id)) == exam.resource_id
        assert uuid.UUID(exam.resource_id).version == 4
        assert history_of(exam) == [("+", True, course_team.pk, "pushed by the course's authors")]

    def test_each_new_exam_has_a_resource_id_of_its_own(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted(name) for name in "abc"], by=course_team)
        assert Exam.objects.values("resource_id").distinct().count() == 3

    @pytest.mark.parametrize(
        ("exam_type", "is_proctored_by_provider"),
        [("proctored", True), ("timed", False), ("practice", True), ("onboarding", True)],
    )
    def test_the_courses_provider_proctors_what_is_proctored(
        self, exam_type: str, is_proctored_by_provider: bool, course_team: User
    ) -> None:
        configuration = ConfigurationFactory.create()
        sync_course_exams(COURSE_ID, [wanted(exam_type=exam_type)], by=course_team)
        assert the_exam().provider == (configuration.provider if is_proctored_by_provider else None)

    def test_a_course_without_configuration_has_no_provider_and_gets_the_row(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted(exam_type="proctored")], by=course_team)
        assert the_exam().provider is None
        assert CourseExamConfiguration.objects.get().provider is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"exam_name": "Another name"},
            {"time_limit_mins": 30},
            {"due_date": NOON},
            {"hide_after_due": True},
        ],
    )
    def test_what_changes_without_another_type_is_updated_in_place(
        self, changes: dict[str, Any], course_team: User
    ) -> None:
        sync_course_exams(COURSE_ID, [wanted()], by=course_team)
        before = the_exam()
        sync_course_exams(COURSE_ID, [wanted(**changes)], by=course_team)
        after = the_exam()
        assert after.pk == before.pk
        assert {name: getattr(after, name) for name in changes} == changes
        assert after.modified > before.modified
        assert (after.created, after.resource_id) == (before.created, before.resource_id)
        assert history_of(after)[1:] == [("~", True, course_team.pk, "changed by the course's authors")]

    def test_an_exam_can_be_switched_off_in_place(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted()], by=course_team)
        exam = the_exam()
        sync_course_exams(COURSE_ID, [wanted(is_active=False, exam_name="Off")], by=course_team)
        exam.refresh_from_db()
        assert (exam.is_active, exam.exam_name) == (False, "Off")
        assert Exam.objects.count() == 1
        assert history_of(exam)[-1] == ("~", False, course_team.pk, "changed by the course's authors")

    def test_nothing_is_created_for_an_inactive_item_that_matches_nothing(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted(is_active=False)], by=course_team)
        assert not Exam.objects.exists()

    def test_what_is_not_named_is_retired(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted("a"), wanted("b")], by=course_team)
        gone = the_exam("b")
        sync_course_exams(COURSE_ID, [wanted("a")], by=course_team)
        gone.refresh_from_db()
        assert not gone.is_active
        assert history_of(gone)[-1] == ("~", False, course_team.pk, "no longer among the course's exams")

    def test_an_empty_list_retires_all_exams_of_this_course_and_of_no_other(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted("a"), wanted("b")], by=course_team)
        elsewhere = ExamFactory.create(course_id=OTHER_COURSE_ID)
        sync_course_exams(COURSE_ID, [], by=course_team)
        assert list(Exam.objects.filter(is_active=True)) == [elsewhere]

    def test_nothing_is_written_where_nothing_changes(self, course_team: User) -> None:
        definitions = [wanted("a"), wanted("b", due_date=NOON)]
        sync_course_exams(COURSE_ID, definitions, by=course_team)
        before = list(Exam.objects.order_by("pk").values())
        sync_course_exams(COURSE_ID, definitions, by=course_team)
        assert list(Exam.objects.order_by("pk").values()) == before
        assert Exam.history.count() == 2

    def test_only_what_changes_is_written(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted("a"), wanted("b")], by=course_team)
        untouched = the_exam("b")
        sync_course_exams(COURSE_ID, [wanted("a", exam_name="New"), wanted("b")], by=course_team)
        assert the_exam("b").modified == untouched.modified
        assert len(history_of(untouched)) == 1

    def test_another_type_makes_another_exam_and_attempts_stay_with_the_old_one(self, course_team: User) -> None:
        configuration = ConfigurationFactory.create()
        sync_course_exams(COURSE_ID, [wanted()], by=course_team)
        old = the_exam()
        attempt = running_attempt(old)
        sync_course_exams(COURSE_ID, [wanted(exam_type="proctored", exam_name="Now proctored")], by=course_team)
        new = the_exam()
        old.refresh_from_db()
        attempt.refresh_from_db()
        assert new.pk != old.pk
        assert new.resource_id != old.resource_id
        assert (new.exam_type, new.exam_name, new.provider) == ("proctored", "Now proctored", configuration.provider)
        assert (old.is_active, old.exam_type, old.exam_name) == (False, "timed", "Now proctored")
        assert attempt.exam_id == old.pk
        assert history_of(old)[-1][:3] == ("~", False, course_team.pk)
        assert history_of(new)[0][:3] == ("+", True, course_team.pk)

    def test_allowances_are_copied_to_the_exam_that_replaces(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted("a"), wanted("b")], by=course_team)
        old = the_exam("a")
        allowances = [AllowanceFactory.create(exam=old, extra_time_mins=minutes) for minutes in (5, 25)]
        AllowanceFactory.create(exam=the_exam("b"), extra_time_mins=99)
        sync_course_exams(COURSE_ID, [wanted("a", exam_type="practice"), wanted("b")], by=course_team)
        copies = StudentAllowance.objects.filter(exam=the_exam("a")).order_by("extra_time_mins")
        assert [(copy.user, copy.extra_time_mins) for copy in copies] == [
            (allowance.user, allowance.extra_time_mins) for allowance in allowances
        ]
        assert old.studentallowance_set.count() == 2
        assert StudentAllowance.objects.count() == 5

    def test_another_type_of_an_inactive_item_only_retires(self, course_team: User) -> None:
        sync_course_exams(COURSE_ID, [wanted()], by=course_team)
        sync_course_exams(COURSE_ID, [wanted(exam_type="proctored", is_active=False)], by=course_team)
        assert [exam.is_active for exam in Exam.objects.all()] == [False]

    @pytest.mark.usefixtures("without_one_active_exam_each")
    def test_duplicates_of_an_old_database_are_retired_and_the_newest_is_kept(self, course_team: User) -> None:
        older, newer = (ExamFactory.create(content_id=content("a"), exam_name="Exam a") for _ in range(2))
        sync_course_exams(COURSE_ID, [wanted()], by=course_team)
        older.refresh_from_db()
        assert the_exam() == newer
        assert not older.is_active
        assert history_of(older)[-1] == ("~", False, course_team.pk, "no longer among the course's exams")

    @pytest.mark.usefixtures("without_one_active_exam_each")
    def test_duplicates_whose_type_changes_are_all_retired(self, course_team: User) -> None:
        for _ in range(3):
            ExamFactory.create(content_id=content("a"))
        sync_course_exams(COURSE_ID, [wanted(exam_type="practice")], by=course_team)
        assert the_exam().exam_type == "practice"
        assert Exam.objects.filter(is_active=False).count() == 3

    @pytest.mark.parametrize(
        "second",
        [
            pytest.param({}, id="unchanged"),
            pytest.param({"time_limit_mins": 90, "exam_name": "x"}, id="updated"),
            pytest.param({"exam_type": "proctored"}, id="replaced"),
            pytest.param(None, id="retired"),
        ],
    )
    def test_the_number_of_statements_does_not_grow_with_the_number_of_exams(
        self, second: dict[str, Any] | None, course_team: User, statements_of: StatementsOf
    ) -> None:
        def push(definitions: list[ExamDefinition]) -> int:
            """Statements that a push makes."""
            return len(statements_of(lambda: sync_course_exams(course_id, definitions, by=course_team)))

        created, changed = set(), set()
        for size in (3, 30, 300):
            course_id = f"course-v1:Acme+Size{size}+2026"
            names = [f"{size}-{number}" for number in range(size)]
            created.add(push([wanted(name) for name in names]))
            StudentAllowance.objects.bulk_create(
                StudentAllowance(exam=exam, user=course_team, extra_time_mins=5)
                for exam in Exam.objects.filter(course_id=course_id)
            )
            then = [] if second is None else [wanted(name, **second) for name in names]
            changed.add(push(then))
            assert Exam.objects.filter(course_id=course_id, is_active=True).count() == len(then)
        assert len(created) == 1
        assert len(changed) == 1


class TestLookups:
    """The exam that an id names."""

    def test_by_id_active_or_not(self) -> None:
        exam = ExamFactory.create(is_active=False, proctored=True)
        assert get_exam_by_id(exam.pk) == exam
        assert get_exam_by_id(exam.pk + 1) is None
        assert get_provider_by_exam_id(exam.pk) == exam.provider
        assert get_provider_by_exam_id(exam.pk + 1) is None

    def test_by_id_in_a_course(self) -> None:
        exam = ExamFactory.create(proctored=True)
        assert get_course_exam_by_id(COURSE_ID, exam.pk) == exam
        assert get_course_exam_by_id(OTHER_COURSE_ID, exam.pk) is None
        assert get_exam_provider(COURSE_ID, exam.pk) == exam.provider
        assert get_exam_provider(OTHER_COURSE_ID, exam.pk) is None

    def test_by_content_the_key_names_the_course(self) -> None:
        exam = ExamFactory.create(content_id=content("a"))
        ExamFactory.create(content_id=content("a"), course_id=OTHER_COURSE_ID)
        ExamFactory.create(content_id=content("b"), is_active=False)
        assert get_exam_by_content_id(content("a")) == exam
        assert get_exam_by_content_id(content("b")) is None

    @pytest.mark.parametrize("content_id", ["", "exam", "course-v1:a+b+c", "block-v1:a+b", "\x00", "x" * 5000])
    def test_what_is_no_usage_key_is_unknown(self, content_id: str) -> None:
        ExamFactory.create(content_id=content_id)
        assert get_exam_by_content_id(content_id) is None

    def test_what_is_no_text_is_unknown(self) -> None:
        assert get_exam_by_content_id(111) is None  # type: ignore[arg-type]  # from an operator's script

    def test_by_an_old_key_alone_the_newest_active_exam_counts(self) -> None:
        key = "i4x://Acme/BIO/sequential/a"
        ExamFactory.create(content_id=key, course_id="Acme/BIO/2024")
        newest = ExamFactory.create(content_id=key, course_id="Acme/BIO/2025")
        ExamFactory.create(content_id=key, course_id="Acme/BIO/2026", is_active=False)
        assert get_exam_by_content_id(key) == newest
        assert get_course_exam("Acme/BIO/2024", key) != newest

    def test_by_course_and_content(self) -> None:
        exam = ExamFactory.create(content_id=content("a"))
        assert get_course_exam(COURSE_ID, content("a")) == exam
        assert get_course_exam(OTHER_COURSE_ID, content("a")) is None
        assert get_course_exam(COURSE_ID, content("b")) is None

    @pytest.mark.usefixtures("without_one_active_exam_each")
    def test_of_duplicates_in_an_old_database_the_newest_counts(self) -> None:
        older, newer = (ExamFactory.create(content_id=content("a")) for _ in range(2))
        assert get_course_exam(COURSE_ID, content("a")) == get_exam_by_content_id(content("a")) == newer
        Exam.objects.filter(pk=older.pk).update(created=timezone.now() + timedelta(days=1))
        assert get_course_exam(COURSE_ID, content("a")) == get_exam_by_content_id(content("a")) == older

    def test_a_courses_exams_are_its_active_ones_by_id(self) -> None:
        exams = [ExamFactory.create() for _ in range(3)]
        ExamFactory.create(is_active=False)
        ExamFactory.create(course_id=OTHER_COURSE_ID)
        assert list(get_course_exams(COURSE_ID)) == exams

    def test_ids_that_differ_in_case_are_different(self) -> None:
        ExamFactory.create()
        assert not get_course_exams(COURSE_ID.lower())

    def test_the_learning_mfe_shows_it(self) -> None:
        url = get_exam_url_path(COURSE_ID, content("a"))
        assert url == f"http://localhost:2000/course/{COURSE_ID}/{content('a')}"


@pytest.mark.parametrize(
    ("exam", "is_passed"),
    [
        ({"due_date": NOON, "exam_type": "timed"}, True),
        ({"due_date": NOON.isoformat(), "exam_type": "timed"}, True),
        ({"due_date": "2026-03-02T12:00:00Z"}, True),
        ({"due_date": NOON + timedelta(seconds=1), "exam_type": "timed"}, False),
        ({"due_date": None, "exam_type": "timed"}, False),
        ({"exam_type": "timed"}, False),
        ({"due_date": "tomorrow"}, False),
        ({"due_date": NOON, "exam_type": "practice"}, False),
        ({"due_date": NOON, "exam_type": "onboarding"}, False),
        ({"due_date": NOON, "is_practice_exam": True}, False),
        ({"due_date": NOON, "is_practice_exam": False}, True),
    ],
)
def test_a_serialized_exam_is_past_due_from_its_due_date_on(exam: dict[str, Any], is_passed: bool) -> None:
    assert is_exam_passed_due(exam, NOON) is is_passed


def test_the_present_counts_where_no_moment_is_named() -> None:
    assert is_exam_passed_due({"due_date": timezone.now() - timedelta(seconds=1)})
    assert not is_exam_passed_due({"due_date": timezone.now() + timedelta(minutes=1)})


@pytest.mark.parametrize(
    ("name", "is_proctored", "is_timed", "is_practice"),
    [
        ("proctored", True, True, False),
        ("timed", False, True, False),
        ("practice", True, True, True),
        ("onboarding", True, True, True),
    ],
)
def test_what_the_types_mean(name: str, is_proctored: bool, is_timed: bool, is_practice: bool) -> None:
    exam_type = get_exam_type(name)
    assert exam_type in EXAM_TYPES
    assert exam_type == (name, is_proctored, is_timed, is_practice)
    assert ExamFactory.build(exam_type=name).kind == exam_type


def test_a_type_that_nobody_knows_counts_as_timed() -> None:
    assert get_exam_type("honor") is None
    kind = ExamFactory.build(exam_type="honor").kind
    assert (kind.is_proctored, kind.is_timed, kind.is_practice) == (False, True, False)
