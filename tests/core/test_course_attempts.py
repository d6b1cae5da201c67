# SPDX-License-Identifier: AGPL-3.0-only
"""The attempts of a course as its team reviews them."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from edx_exams.apps.core.api import Selection, attempt_page, csv_rows, select_attempts
from edx_exams.apps.core.course_attempts import COLUMNS, attempt_rows
from edx_exams.apps.core.models import Exam, ExamAttempt
from edx_exams.apps.core.reasons import reason_text
from tests.core.conftest import NOON
from tests.factories import COURSE_ID, ExamFactory, OldAttemptFactory, ResultFactory, UserFactory

pytestmark = pytest.mark.django_db

StatementsOf = Callable[[Callable[[], Any]], list[str]]


def found(**selection: Any) -> list[ExamAttempt]:
    return list(select_attempts(Selection(COURSE_ID, **selection)))


def rows(ordering: str = "", *, with_incidents: bool = False) -> list[dict[str, Any]]:
    selection = Selection(COURSE_ID, ordering=ordering)
    return attempt_page(selection, offset=0, limit=100, with_incidents=with_incidents).rows


class TestSelection:
    """The selection of attempts, and their order."""

    def test_all_of_the_courses_active_exams_newest_first(self) -> None:
        attempts = [OldAttemptFactory.create() for _ in range(3)]
        OldAttemptFactory.create(exam__course_id="course-v1:Acme+BIO102+2026")
        attempts.append(OldAttemptFactory.create(exam__is_active=False))
        assert found() == attempts[::-1]

    def test_those_of_one_exam_retired_or_not(self) -> None:
        exam = ExamFactory.create(is_active=False)
        attempts = [OldAttemptFactory.create(exam=exam) for _ in range(2)]
        OldAttemptFactory.create()
        assert found(exam=exam) == attempts[::-1]

    @pytest.mark.parametrize("search", ["ada", "ADA", "love", "lace", "example.org", "ada@"])
    def test_by_part_of_username_or_email(self, search: str) -> None:
        ada = UserFactory.create(username="lovelace", email="ada@example.org")
        attempt = OldAttemptFactory.create(user=ada)
        OldAttemptFactory.create(user=UserFactory.create(username="turing", email="turing@example.com"))
        assert found(search=search) == [attempt]

    @pytest.mark.parametrize("search", ["%", "_", "\\", "' OR 1=1 --"])
    def test_what_is_special_to_the_database_is_not_to_the_search(self, search: str) -> None:
        OldAttemptFactory.create(user=UserFactory.create(username="turing", email="turing@example.com"))
        assert found(search=search) == []

    def test_by_status(self) -> None:
        OldAttemptFactory.create(status="created")
        rejected = OldAttemptFactory.create(status="rejected")
        assert found(status="rejected") == [rejected]
        assert found(status="no such status") == []

    @pytest.mark.parametrize("column", COLUMNS)
    def test_by_every_column_shown_both_ways(self, column: str) -> None:
        exams = [
            ExamFactory.create(exam_name=f"Exam {letter}", exam_type=exam_type)
            for letter, exam_type in (("b", "timed"), ("a", "proctored"), ("c", "practice"))
        ]
        for number, (exam, username) in enumerate(zip(exams, ("zoe", "ada", "max"), strict=True)):
            attempt = OldAttemptFactory.create(
                user=UserFactory.create(username=username),
                exam=exam,
                status=("submitted", "error", "rejected")[number],
                start_time=NOON + timedelta(minutes=(5, 3, 4)[number]),
                end_time=NOON + timedelta(minutes=(9, 7, 8)[number]),
                allowed_time_limit_mins=(60, 30, 90)[number],
            )
            ResultFactory.create(
                attempt=attempt,
                incident_time=NOON + timedelta(minutes=(2, 1, 3)[number]),
                severity=("0.50", "0.25", "1.00")[number],
                reason_code=("2", "1", "3")[number],
            )
            # What is not the first verdict of the tool does not count.
            ResultFactory.create(
                attempt=attempt, incident_time=NOON + timedelta(hours=1), severity="0.33", reason_code="9"
            )
            ResultFactory.create(attempt=attempt, action_type="flag", incident_time=NOON, reason_code="0")

        def value(row: dict[str, Any]) -> Any:
            flat = {**row, **row["proctored_review"]}
            codes = {reason_text(code): code for code in ("1", "2", "3")}
            return codes[flat[column]] if column == "submission_reason" else flat[column]

        ascending = [value(row) for row in rows(column)]
        descending = [value(row) for row in rows(f"-{column}")]
        assert len(set(ascending)) == 3
        assert ascending == sorted(ascending)
        assert descending == ascending[::-1]

    @pytest.mark.parametrize("ordering", ["start_time", "-start_time", "severity", "-severity"])
    def test_attempts_without_a_value_come_last_either_way(self, ordering: str) -> None:
        without = OldAttemptFactory.create()
        attempt = OldAttemptFactory.create(start_time=NOON)
        ResultFactory.create(attempt=attempt)
        assert found(ordering=ordering) == [attempt, without]

    def test_equal_values_are_told_apart_newest_first(self) -> None:
        attempts = [OldAttemptFactory.create(status="created") for _ in range(3)]
        assert found(ordering="attempt_status") == found(ordering="-attempt_status") == attempts[::-1]


class TestRows:
    """The columns that a team sees of an attempt."""

    def test_an_attempt_that_nobody_reviewed(self) -> None:
        attempt = OldAttemptFactory.create(start_time=NOON, allowed_time_limit_mins=60, status="started")
        assert rows() == [
            {
                "attempt_id": attempt.pk,
                "attempt_status": "started",
                "start_time": NOON,
                "end_time": None,
                "allowed_time_limit_mins": 60,
                "exam_id": attempt.exam_id,
                "exam_type": "timed",
                "exam_display_name": attempt.exam.exam_name,
                "username": attempt.user.username,
                "proctored_review": None,
            }
        ]

    def test_the_first_termination_is_the_review(self) -> None:
        attempt = OldAttemptFactory.create()
        ResultFactory.create(attempt=attempt, action_type="pause", incident_time=NOON - timedelta(minutes=9))
        ResultFactory.create(attempt=attempt, incident_time=NOON + timedelta(minutes=1), severity="0.90")
        ResultFactory.create(attempt=attempt, incident_time=NOON, severity="0.5", reason_code="24")
        (row,) = rows()
        assert row["proctored_review"] == {
            "submission_time": NOON,
            "severity": "0.50",
            "submission_reason": "Revoked microphone permission",
        }
        assert "incidents" not in row

    def test_of_two_terminations_at_one_moment_the_one_stored_first_counts(self) -> None:
        attempt = OldAttemptFactory.create()
        ResultFactory.create(attempt=attempt, incident_time=NOON, reason_code="first")
        ResultFactory.create(attempt=attempt, incident_time=NOON, reason_code="second")
        (row,) = rows("submission_reason")
        assert row["proctored_review"]["submission_reason"] == "first"

    def test_what_else_the_tool_did_is_listed_where_it_is_asked_for(self) -> None:
        attempt = OldAttemptFactory.create()
        ResultFactory.create(attempt=attempt)
        for minute, action in ((2, "resume"), (1, "pause")):
            ResultFactory.create(
                attempt=attempt,
                action_type=action,
                incident_time=NOON + timedelta(minutes=minute),
                severity=Decimal("0.25"),
                reason_code="unheard of",
            )
        (row,) = rows(with_incidents=True)
        first, second = row["incidents"]
        assert (first["action"], second["action"]) == ("pause", "resume")
        assert first["incident_time"] == NOON + timedelta(minutes=1)
        assert (first["severity"], first["reason"]) == ("0.25", "unheard of")

    def test_each_attempt_has_its_own_results(self) -> None:
        attempts = [OldAttemptFactory.create() for _ in range(3)]
        for number in (0, 2):
            ResultFactory.create(attempt=attempts[number], reason_code=f"code {number}")
        ResultFactory.create(attempt=OldAttemptFactory.create(exam__course_id="course-v1:Acme+BIO102+2026"))
        reviews = [row["proctored_review"] for row in rows("attempt_id")]
        codes = [review and review["submission_reason"] for review in reviews]
        assert codes == ["code 0", None, "code 2"]

    def test_no_attempts_are_no_rows(self) -> None:
        assert rows() == []

    @pytest.mark.parametrize("with_incidents", [False, True])
    def test_any_number_of_attempts_costs_four_statements(
        self, with_incidents: bool, statements_of: StatementsOf
    ) -> None:
        exam: Exam = ExamFactory.create()
        for size in (2, 20):
            for _ in range(size):
                ResultFactory.create(attempt=OldAttemptFactory.create(exam=exam))
            assert len(statements_of(partial(rows, "severity", with_incidents=with_incidents))) == 4

    @pytest.mark.parametrize("terminations", list(itertools.product(range(3), repeat=3)))
    def test_the_first_page_of_an_exam_is_that_of_any_other_way(
        self, terminations: tuple[int, ...], statements_of: StatementsOf
    ) -> None:
        """An attempt that was terminated twice is one row, on the first page too, which reads no ids before."""
        exam: Exam = ExamFactory.create()
        for number in terminations:
            attempt = OldAttemptFactory.create(exam=exam)
            ResultFactory.create(attempt=attempt, action_type="flag", incident_time=NOON - timedelta(hours=1))
            for minute in range(number, 0, -1):
                ResultFactory.create(attempt=attempt, incident_time=NOON + timedelta(minutes=minute))
        OldAttemptFactory.create(exam__course_id=exam.course_id)
        selection = Selection(exam.course_id, exam)
        ids = list(select_attempts(selection).values_list("pk", flat=True))
        for limit, with_incidents in itertools.product((1, 2, 3, 4), (False, True)):
            show = partial(attempt_page, selection, offset=0, limit=limit, with_incidents=with_incidents)
            page = show()
            assert page.total == 3
            assert page.rows == attempt_rows(ids[:limit], exam, with_incidents=with_incidents)
            if max(terminations) < 2 and not with_incidents:
                assert len(statements_of(show)) == 2

    def test_a_page_knows_the_number_of_all(self) -> None:
        attempts = [OldAttemptFactory.create() for _ in range(5)]
        for offset, limit, expected in ((0, 2, [4, 3]), (3, 10, [1, 0]), (9, 10, [])):
            page = attempt_page(Selection(COURSE_ID), offset=offset, limit=limit)
            assert page.total == 5
            assert [row["attempt_id"] for row in page.rows] == [attempts[number].pk for number in expected]


class TestCells:
    """The download."""

    def test_a_header_then_a_line_for_each_attempt(self) -> None:
        attempt = OldAttemptFactory.create(start_time=NOON, status="submitted")
        ResultFactory.create(attempt=attempt, incident_time=NOON, severity="0.5", reason_code="1")
        header, line = csv_rows(select_attempts(Selection(COURSE_ID)))
        assert header == list(COLUMNS)
        cells = dict(zip(header, line, strict=True))
        assert cells["attempt_id"] == attempt.pk
        assert cells["start_time"] == cells["submission_time"] == "2026-03-02T12:00:00+00:00"
        assert (cells["end_time"], cells["severity"]) == (None, "0.50")
        assert cells["submission_reason"] == "Submitted by user"

    def test_an_attempt_without_review_has_empty_cells_there(self) -> None:
        OldAttemptFactory.create()
        header, line = csv_rows(select_attempts(Selection(COURSE_ID)))
        assert dict(zip(header, line, strict=True))["severity"] is None

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
    def test_no_name_runs_as_a_formula(self, start: str) -> None:
        name = f"{start}HYPERLINK(1)"
        OldAttemptFactory.create(exam__exam_name=name, user__username=name)
        header, line = csv_rows(select_attempts(Selection(COURSE_ID)))
        cells = dict(zip(header, line, strict=True))
        assert cells["exam_display_name"] == cells["username"] == f"'{name}"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("0", "Disconnected from proctoring"),
        ("25", "Revoked camera permission"),
        ("3", "3"),
        ("", ""),
        (None, None),
    ],
)
def test_a_reason_is_told_in_words_or_by_its_code(code: str | None, words: str | None) -> None:
    assert reason_text(code) == words
