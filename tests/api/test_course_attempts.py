# SPDX-License-Identifier: AGPL-3.0-only
"""`instructor_view/…/attempts`: the attempts of a course as its team reviews them."""

import codecs
import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from django.utils import timezone, translation
from rest_framework.exceptions import ValidationError
from rest_framework.test import APIClient

from edx_exams.apps.api.v1.serializers import AttemptsQuerySerializer
from edx_exams.apps.api.views import ExamsAPIView
from edx_exams.apps.core.models import Exam, ExamAttempt
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused
from tests.conftest import CountStatements
from tests.factories import COURSE_ID, ExamFactory, OldAttemptFactory, ResultFactory, UserFactory

pytestmark = pytest.mark.django_db

ATTEMPTS: Final = f"{API}/instructor_view/course_id/{COURSE_ID}/attempts"
START: Final = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

REASONS: Final = {
    "0": "disconnect", "1": "submitted", "2": "navigated", "4": "full screen", "5": "screen", "6": "extension",
    "7": "proxy", "8": "network", "9": "tab", "12": "modify", "13": "download", "14": "battery", "15": "monitor",
    "16": "camera", "21": "unresponsive", "24": "microphone", "25": "camera",
}  # fmt: skip


@pytest.fixture
def exam() -> Exam:
    return ExamFactory.create(exam_name="Midterm")


def ask(client: APIClient, **query: Any) -> Any:
    answer = client.get(ATTEMPTS, query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(client: APIClient, **query: Any) -> list[int]:
    return [attempt["attempt_id"] for attempt in ask(client, **query)["results"]]


def attempts_of(exam: Exam, *usernames: str) -> list[ExamAttempt]:
    return [OldAttemptFactory.create(exam=exam, user=UserFactory.create(username=username)) for username in usernames]


def test_an_attempt_has_these_fields(as_course_team: APIClient, exam: Exam) -> None:
    attempt = OldAttemptFactory.create(
        exam=exam,
        user=UserFactory.create(username="ada"),
        status="submitted",
        start_time=START,
        end_time=START + timedelta(minutes=50),
        allowed_time_limit_mins=75,
    )
    ResultFactory.create(attempt=attempt, incident_time=START, severity="0.5", reason_code="77")
    assert ask(as_course_team) == {
        "count": 1,
        "next": None,
        "previous": None,
        "results": [
            {
                "attempt_id": attempt.pk,
                "attempt_status": "submitted",
                "start_time": "2026-03-04T05:06:07Z",
                "end_time": "2026-03-04T05:56:07Z",
                "allowed_time_limit_mins": 75,
                "exam_id": exam.pk,
                "exam_type": "timed",
                "exam_display_name": "Midterm",
                "username": "ada",
                "proctored_review": {
                    "submission_time": "2026-03-04T05:06:07Z",
                    "severity": "0.50",
                    "submission_reason": "77",
                },
            }
        ],
    }


def test_what_an_attempt_does_not_have_is_null(as_course_team: APIClient, exam: Exam) -> None:
    OldAttemptFactory.create(exam=exam)
    (said,) = ask(as_course_team)["results"]
    empty = ("start_time", "end_time", "allowed_time_limit_mins", "proctored_review")
    assert [said[name] for name in empty] == [None] * 4


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_told_in_words(code: str, as_course_team: APIClient, exam: Exam) -> None:
    ResultFactory.create(attempt=OldAttemptFactory.create(exam=exam), reason_code=code)
    reason = ask(as_course_team)["results"][0]["proctored_review"]["submission_reason"]
    assert REASONS[code] in reason.lower()


def test_the_review_is_the_first_termination(as_course_team: APIClient, exam: Exam) -> None:
    attempt = OldAttemptFactory.create(exam=exam)
    ResultFactory.create(attempt=attempt, incident_time=START + timedelta(minutes=9), severity="0.90")
    ResultFactory.create(attempt=attempt, incident_time=START, severity="1.00")
    ResultFactory.create(attempt=attempt, action_type="flag", incident_time=START - timedelta(minutes=9))
    said = ask(as_course_team)["results"][0]
    assert (said["proctored_review"]["submission_time"], said["proctored_review"]["severity"]) == (
        "2026-03-04T05:06:07Z",
        "1.00",
    )
    assert "incidents" not in said


def test_what_the_tool_did_besides_is_listed_where_asked_for(as_course_team: APIClient, exam: Exam) -> None:
    attempt = OldAttemptFactory.create(exam=exam)
    for minutes, action in enumerate(("pause", "resume", "update", "flag", "terminate")):
        ResultFactory.create(
            attempt=attempt, action_type=action, incident_time=START + timedelta(minutes=minutes), reason_code="99"
        )
    said = ask(as_course_team, include="incidents")["results"][0]
    assert [incident["action"] for incident in said["incidents"]] == ["pause", "resume", "update", "flag"]
    first = said["incidents"][0]
    assert (first["incident_time"], first["severity"], first["reason"]) == ("2026-03-04T05:06:07Z", "0.10", "99")
    assert said["proctored_review"]["submission_time"] == "2026-03-04T05:10:07Z"


def test_without_an_exam_id_it_is_all_exams_of_the_course_retired_ones_too(
    as_course_team: APIClient, exam: Exam
) -> None:
    first, second = attempts_of(exam, "ada", "bob")
    third = OldAttemptFactory.create(exam=ExamFactory.create())
    retired = OldAttemptFactory.create(exam=ExamFactory.create(is_active=False))
    OldAttemptFactory.create(exam=ExamFactory.create(course_id="course-v1:Acme+BIO101+2027"))
    assert ids(as_course_team) == [retired.pk, third.pk, second.pk, first.pk]


def test_incidents_that_nobody_asked_for_are_not_read(
    as_course_team: APIClient, exam: Exam, statements_of: Callable[[Callable[[], Any]], list[str]]
) -> None:
    attempt = OldAttemptFactory.create(exam=exam)
    for action in ("flag", "terminate", "pause"):
        ResultFactory.create(attempt=attempt, action_type=action)
    results = [sql for sql in statements_of(lambda: ask(as_course_team)) if "assessmentcontrolresult" in sql]
    assert len(results) == 1
    assert "action_type\" = 'terminate'" in results[0]


def test_with_an_exam_id_it_is_that_exam_active_or_not(as_course_team: APIClient, exam: Exam) -> None:
    attempts_of(exam, "ada")
    old = ExamFactory.create(is_active=False)
    attempt = OldAttemptFactory.create(exam=old)
    assert ids(as_course_team, exam_id=old.pk) == [attempt.pk]


def test_an_exam_that_is_not_the_courses_is_404(as_course_team: APIClient) -> None:
    elsewhere = ExamFactory.create(course_id="course-v1:Acme+BIO101+2027")
    OldAttemptFactory.create(exam=elsewhere)
    for exam_id in (elsewhere.pk, 0, -1, 2**31, 2**63, 10**50):
        assert_refused(as_course_team.get(ATTEMPTS, {"exam_id": exam_id}), 404)


def test_the_newest_attempts_come_first(as_course_team: APIClient, exam: Exam) -> None:
    older, newer = attempts_of(exam, "ada", "bob")
    ExamAttempt.objects.filter(pk=older.pk).update(created=timezone.now() + timedelta(hours=1))
    assert ids(as_course_team) == [older.pk, newer.pk]


# Pages


def test_pages_lead_to_each_other(as_course_team: APIClient, exam: Exam) -> None:
    attempts = [attempt.pk for attempt in reversed(attempts_of(exam, *"abcde"))]
    first = ask(as_course_team, limit=2, exam_id=exam.pk)
    assert (first["count"], first["previous"]) == (5, None)
    second = as_course_team.get(first["next"]).json()
    third = as_course_team.get(second["next"]).json()
    assert third["next"] is None
    found = [attempt["attempt_id"] for page in (first, second, third) for attempt in page["results"]]
    assert found == attempts
    assert as_course_team.get(second["previous"]).json()["results"] == first["results"]


def test_a_page_has_100_unless_asked_otherwise(as_course_team: APIClient, exam: Exam) -> None:
    learner = UserFactory.create()
    ExamAttempt.objects.bulk_create(
        ExamAttempt(exam=exam, user=learner, attempt_number=n, status="created") for n in range(130)
    )
    assert len(ids(as_course_team)) == 100
    assert len(ids(as_course_team, limit=1_000_000)) == 130
    assert len(ids(as_course_team, limit=1_000_000, offset=120)) == 10
    assert ids(as_course_team, offset=1_000) == []


@pytest.mark.parametrize("include", ["", "incidents"])
def test_an_exams_first_page_is_read_as_all_others_are(include: str, as_course_team: APIClient, exam: Exam) -> None:
    attempts = attempts_of(exam, "ada", "grace", "alan", "edsger")
    ExamAttempt.objects.update(created=START)
    attempts_of(ExamFactory.create(), "barbara")
    for hours, action in enumerate(["terminate", "flag", "terminate"]):
        ResultFactory.create(attempt=attempts[2], action_type=action, incident_time=START + timedelta(hours=hours))
    query = {"exam_id": exam.pk, "include": include} if include else {"exam_id": exam.pk}
    whole = ask(as_course_team, **query)
    assert whole["count"] == len(attempts)
    assert [row["username"] for row in whole["results"]] == ["edsger", "alan", "grace", "ada"]
    assert whole["results"][1]["proctored_review"]["submission_time"] == START.isoformat().replace("+00:00", "Z")
    singly = [ask(as_course_team, limit=1, offset=place, **query)["results"] for place in range(len(attempts))]
    assert [row for (row,) in singly] == whole["results"]
    assert ask(as_course_team, ordering="-attempt_id", **query)["results"] == whole["results"]


@pytest.mark.parametrize(("offset", "statements"), [(0, 6), (1, 7)])
def test_a_page_counts_once(
    offset: int, statements: int, as_course_team: APIClient, exam: Exam, at_most: CountStatements
) -> None:
    attempts_of(exam, "ada", "grace")
    with at_most(statements):
        assert len(ids(as_course_team, exam_id=exam.pk, limit=1, offset=offset)) == 1


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_refusal_is_in_the_language_of_its_request(language: str) -> None:
    with translation.override(language), pytest.raises(ValidationError) as fresh:
        AttemptsQuerySerializer(data={"limit": 0}).is_valid(raise_exception=True)
    for first in ("de", "en"):
        with translation.override(first), pytest.raises(ValidationError):
            ExamsAPIView.validated(AttemptsQuerySerializer, {"limit": 0})
    with translation.override(language), pytest.raises(ValidationError) as shared:
        ExamsAPIView.validated(AttemptsQuerySerializer, {"limit": 0})
    assert str(shared.value) == str(fresh.value)


# Search, filter, order


def test_search_finds_parts_of_usernames_and_addresses(as_course_team: APIClient, exam: Exam) -> None:
    ada, grace = attempts_of(exam, "ada_l", "grace")
    UserFactory._meta.model.objects.filter(username="grace").update(email="hopper@navy.example.com")
    assert ids(as_course_team, search="DA_") == [ada.pk]
    assert ids(as_course_team, search="navy") == [grace.pk]
    assert ids(as_course_team, search="%") == []
    assert ids(as_course_team, search="") == [grace.pk, ada.pk]


def test_status_filters(as_course_team: APIClient, exam: Exam) -> None:
    OldAttemptFactory.create(exam=exam)
    submitted = OldAttemptFactory.create(exam=exam, status="submitted")
    assert ids(as_course_team, status="submitted") == [submitted.pk]


@pytest.mark.parametrize(
    "column",
    [
        "attempt_id", "attempt_status", "start_time", "end_time", "allowed_time_limit_mins", "exam_id", "exam_type",
        "exam_display_name", "username", "submission_time", "severity", "submission_reason",
        "proctored_review",
    ],
)  # fmt: skip
def test_attempts_can_be_ordered_by_any_column(column: str, as_course_team: APIClient) -> None:
    attempts = []
    for n, (status, exam_type) in enumerate([("created", "practice"), ("started", "proctored"), ("verified", "timed")]):
        attempt = OldAttemptFactory.create(
            exam=ExamFactory.create(exam_name=f"Exam {n}", exam_type=exam_type),
            user=UserFactory.create(username=f"user{n}"),
            status=status,
            start_time=START + timedelta(minutes=n),
            end_time=START + timedelta(hours=n),
            allowed_time_limit_mins=10 + n,
        )
        ResultFactory.create(
            attempt=attempt, incident_time=START + timedelta(days=n), severity=f"0.{n}", reason_code=str(n)
        )
        attempts.append(attempt.pk)
    assert ids(as_course_team, ordering=column) == attempts
    assert ids(as_course_team, ordering=f"-{column}") == attempts[::-1]


@pytest.mark.parametrize("sign", ["", "-"])
def test_what_has_no_value_comes_last_in_either_order(sign: str, as_course_team: APIClient, exam: Exam) -> None:
    without, reviewed = attempts_of(exam, "ada", "bob")
    ResultFactory.create(attempt=reviewed)
    assert ids(as_course_team, ordering=f"{sign}severity") == [reviewed.pk, without.pk]


ODD_QUERIES: Final[list[dict[str, str]]] = [
    *({"exam_id": value} for value in ("abc", "1.5", "", "1e400", "NaN", "\x00", "--1", "1,2", "x" * 5000, "💥")),
    *(
        {name: value}
        for name in ("limit", "offset")
        for value in ("abc", "-1", "1.5", "", "NaN", "1e400", str(2**31), str(2**63), "9" * 5000, "\x00")
    ),
    {"limit": "0"},
    *({"status": value} for value in ("unknown", "SUBMITTED", "\x00")),
    *({"ordering": value} for value in ("password", "user__password", "--username", "-", "username,exam_id", "\x00")),
    {"search": "a\x00b"},
    {"search": "x" * 255},
    {"format": "xml"},
    {"format": ""},
    {"include": "everything"},
]


def test_a_query_that_cannot_be_meant_is_400_and_named(
    as_course_team: APIClient, exam: Exam, unchanged: Unchanged
) -> None:
    with unchanged():
        for query in ODD_QUERIES:
            said = assert_refused(as_course_team.get(ATTEMPTS, query), 400, errors=True)
            assert list(said["errors"]) == list(query)


def test_unknown_query_keys_are_ignored(as_course_team: APIClient, exam: Exam) -> None:
    assert len(ask(as_course_team, page=7, unknown="x")["results"]) == 0


# CSV


def text_of(answer: Any) -> str:
    """The download, which begins with the mark that tells Excel of UTF-8."""
    content: bytes = answer.getvalue()
    assert content.startswith(codecs.BOM_UTF8)
    return content.decode("utf-8-sig")


def test_csv_has_a_row_an_attempt_and_every_one_of_them(as_course_team: APIClient, exam: Exam) -> None:
    attempts = attempts_of(exam, *(f"user{n}" for n in range(3)))
    ResultFactory.create(attempt=attempts[0], incident_time=START, reason_code="99")
    answer = as_course_team.get(ATTEMPTS, {"format": "csv", "limit": "1"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="attempts.csv"'
    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert [int(row["attempt_id"]) for row in rows] == [attempt.pk for attempt in reversed(attempts)]
    assert (rows[-1]["username"], rows[-1]["severity"], rows[-1]["submission_reason"]) == ("user0", "0.10", "99")
    assert datetime.fromisoformat(rows[-1]["submission_time"]) == START


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_no_name_in_a_csv_is_a_formula(name: str, as_course_team: APIClient) -> None:
    OldAttemptFactory.create(exam=ExamFactory.create(exam_name=name))
    answer = as_course_team.get(ATTEMPTS, {"format": "csv"})
    (row,) = csv.DictReader(io.StringIO(text_of(answer)))
    assert row["exam_display_name"] == f"'{name}"


def test_csv_of_a_course_without_attempts_has_its_header(as_course_team: APIClient) -> None:
    lines = text_of(as_course_team.get(ATTEMPTS, {"format": "csv"})).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("attempt_id,attempt_status,")
