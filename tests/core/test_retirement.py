# SPDX-License-Identifier: AGPL-3.0-only
"""Forgetting a person: no table names them afterwards, and nothing brings them back."""

import base64
import logging
import uuid
from typing import Any, Final

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from social_django.models import UserSocialAuth

from edx_exams.apps.core.exceptions import InvalidRetirement, PersonDoesNotExist
from edx_exams.apps.core.models import ExamAttempt, OwedEmail, User
from edx_exams.apps.core.people import person
from edx_exams.apps.core.retirement import retire_user
from edx_exams.apps.events.models import FailedEvent, FailedEventState, OutboxEvent
from edx_exams.apps.lti.models import LaunchSession, LtiLaunch, LtiTool
from tests.events.owed import owe
from tests.factories import ExamFactory, UserFactory, running_attempt, submitted_attempt

RETIRED: Final[dict[str, Any]] = {
    "retired_username": "retired__user_1f",
    "retired_email": "retired__user_1f@retired.invalid",
}
NAMES = ("jane.roe", "roe@private.example", "Jane Q. Roe")


@pytest.fixture
def jane(db: None) -> User:
    """Somebody who has left traces in every table."""
    user: User = UserFactory.create(username=NAMES[0], email=NAMES[1], full_name=NAMES[2], first_name="Jane")
    attempt = submitted_attempt(user=user)
    attempt.history.update(history_change_reason="forced by jane.roe: asked by roe@private.example (Jane Q. Roe)")
    exam = attempt.exam
    other = owe(learner=user, requesting_user=user)
    OutboxEvent.objects.filter(pk=other.pk).update(state="published")
    owe(learner=UserFactory.create(), requesting_user=user)
    FailedEvent.objects.create(
        fingerprint="f", topic="roles", kafka_partition=0, kafka_offset=1, error="Refused", headers=[["who", NAMES[1]]],
        value=base64.b64encode(b"\x00\x10jane.roe\x02").decode(),
    )  # fmt: skip
    UserSocialAuth.objects.create(user=user, provider="edx-oauth2", uid=NAMES[0], extra_data={"email": NAMES[1]})
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session.save()
    tool = LtiTool.objects.create(launch_url="https://tool.example", oidc_login_url="https://tool.example")
    LtiLaunch.objects.create(tool=tool, user=user, exam=exam, message_type="LtiStartProctoring", hint_hash="h")
    LaunchSession.objects.create(user=user, secret_hash="s")
    OwedEmail.objects.get_or_create(attempt_id=attempt.pk, kind="submitted")
    for thing, text in ((user, "jane.roe"), (attempt, "Changed “status” for roe@private.example")):
        LogEntry.objects.create(
            user=user, content_type=ContentType.objects.get_for_model(thing), object_id=str(thing.pk),
            object_repr=text, action_flag=CHANGE, change_message=text,
        )  # fmt: skip
    return user


def everything_stored() -> str:
    """Every value of every row of every table; what is in base64 is read."""
    values: list[Any] = [
        value
        for model in apps.get_models(include_auto_created=True)
        for row in model._base_manager.values()
        for value in row.values()
    ]  # fmt: skip
    failed = [base64.b64decode(row.value or "").decode(errors="replace") for row in FailedEvent.objects.all()]
    return "\n".join(map(str, [*values, *failed]))


def test_no_table_names_the_person_any_more(jane: User, caplog: pytest.LogCaptureFixture) -> None:
    before = everything_stored()
    assert all(name in before for name in NAMES)
    with caplog.at_level(logging.DEBUG):
        assert retire_user("jane.roe", **RETIRED)
    after = everything_stored()
    assert [name for name in NAMES if name in after] == []
    lines = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("django.db"))
    assert [name for name in NAMES if name in lines] == []


def test_the_attempts_stay_as_those_of_somebody_without_a_name(jane: User) -> None:
    anonymous = jane.anonymous_user_id
    retire_user("jane.roe", **RETIRED)
    jane.refresh_from_db()
    assert (jane.username, jane.email, jane.get_full_name()) == (*RETIRED.values(), "")
    assert jane.anonymous_user_id != anonymous
    assert not jane.is_active
    assert not jane.has_usable_password()
    assert ExamAttempt.objects.get().user == jane


def test_nothing_of_the_person_goes_on(jane: User) -> None:
    retire_user("jane.roe", **RETIRED)
    assert not UserSocialAuth.objects.exists()
    assert not Session.objects.exists()
    assert not LtiLaunch.objects.exists()
    assert not LaunchSession.objects.exists()
    assert {email.state for email in OwedEmail.objects.all()} <= {"cancelled", "sent"}
    assert FailedEvent.objects.get().state == FailedEventState.discarded


def test_events_of_others_keep_their_names(jane: User) -> None:
    retire_user("jane.roe", **RETIRED)
    event = OutboxEvent.objects.latest("pk").data["exam_attempt"]
    assert event["student_user"]["pii"]["username"].startswith("learner")
    assert event["requesting_user"]["pii"]["username"] == RETIRED["retired_username"]


def test_a_token_that_comes_late_finds_the_retired_person(jane: User) -> None:
    retire_user("jane.roe", **RETIRED)
    found = person(jane.lms_user_id, "jane.roe", attributes={"email": NAMES[1]})
    assert found == jane
    assert not found.is_active
    assert not User.objects.filter(username="jane.roe").exists()


def test_the_id_that_the_platform_tells_is_kept_for_that(db: None) -> None:
    user = UserFactory.create(username="jane.roe", lms_user_id=None)
    retire_user("jane.roe", **RETIRED, lms_user_id=4711)
    assert person(4711, "jane.roe") == user


def test_twice_is_once(jane: User) -> None:
    assert retire_user("jane.roe", **RETIRED)
    stored = everything_stored()
    assert not retire_user("jane.roe", **RETIRED)
    assert everything_stored() == stored


def test_who_has_the_name_now_is_somebody_else(jane: User) -> None:
    jane.username = "jane.roe~1"
    jane.save()
    successor = UserFactory.create(username="jane.roe")
    retire_user("jane.roe", **RETIRED, lms_user_id=jane.lms_user_id)
    assert User.objects.get(pk=successor.pk).is_active
    assert User.objects.get(pk=jane.pk).username == RETIRED["retired_username"]


def test_all_rows_of_one_person_are_retired(db: None) -> None:
    UserFactory.create(username="jane.roe", lms_user_id=5)
    UserFactory.create(username="jane.roe.old", lms_user_id=5)
    retire_user("jane.roe", **RETIRED)
    assert not User.objects.filter(is_active=True).exists()
    assert not User.objects.filter(username__contains="jane").exists()


def test_whole_words_alone_are_replaced(db: None) -> None:
    user = UserFactory.create(username="al", email="al@example.com", full_name="Al")
    attempt = running_attempt(user=user)
    attempt.history.update(history_change_reason="also called al, formally")
    retire_user("al", **RETIRED)
    assert {row.history_change_reason for row in attempt.history.all()} == {"also called retired__user_1f, formally"}


def test_somebody_unknown_is_refused_and_not_made(db: None) -> None:
    with pytest.raises(PersonDoesNotExist):
        retire_user("nobody", **RETIRED)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "names",
    [
        {"username": ""},
        {"username": " jane.roe"},
        {"retired_username": "n" * 151},
        {"retired_username": "jane.roe"},
        {"retired_email": "e\0@example.com"},
        {"lms_user_id": 2**31},
    ],
)
def test_names_that_cannot_be_kept_are_refused(names: dict[str, Any]) -> None:
    with pytest.raises(InvalidRetirement) as refusal:
        retire_user(**{"username": "jane.roe", **RETIRED, **names})
    assert "jane" not in str(refusal.value)


def test_the_name_of_somebody_else_is_refused(jane: User) -> None:
    UserFactory.create(username=RETIRED["retired_username"])
    with pytest.raises(InvalidRetirement):
        retire_user("jane.roe", **RETIRED, lms_user_id=jane.lms_user_id)
    assert User.objects.get(pk=jane.pk).is_active


def test_a_failure_in_another_app_undoes_everything(jane: User, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = everything_stored()
    monkeypatch.setattr(LaunchSession.objects, "filter", lambda **_: uuid.UUID("no UUID"))
    with pytest.raises(ValueError, match="badly formed"):
        retire_user("jane.roe", **RETIRED)
    monkeypatch.undo()
    assert everything_stored() == stored


def test_the_command(jane: User, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        call_command("retire_user", "jane.roe", *RETIRED.values())
    assert capsys.readouterr().out.splitlines() == [
        "1 person retired",
        "0 people retired: the retired username stands already",
    ]
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("retire_user", "nobody", "retired__2", "r@example.com")


def test_an_exam_that_the_person_changed_names_them_no_more(db: None) -> None:
    user = UserFactory.create(username="jane.roe")
    exam = ExamFactory.create()
    exam.history.update(history_user=user, history_change_reason="by jane.roe")
    retire_user("jane.roe", **RETIRED)
    assert exam.history.get().history_change_reason == "by retired__user_1f"
