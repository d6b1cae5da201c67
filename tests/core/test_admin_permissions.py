# SPDX-License-Identifier: AGPL-3.0-only
"""
The writes that the admin allows: for each model, each page and each kind of person.

Made from the registry, so that a new model cannot be forgotten: one without a line in `SUPERUSER_MAY` fails.
"""

import re
import uuid
from typing import Any, Final

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import models, transaction
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch
from django.utils import timezone

from edx_exams.apps.core.models import User
from tests.core.conftest import browser_of, page
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ADD, CHANGE, DELETE = "add", "change", "delete"

#: What a superuser may do on the pages of one row. Everybody else may do no more than this.
SUPERUSER_MAY: Final[dict[str, set[str]]] = {
    "core.User": {ADD, CHANGE, DELETE},
    "core.CourseStaffRole": {ADD, CHANGE, DELETE},
    "core.ProctoringProvider": {ADD, CHANGE, DELETE},
    "core.CourseExamConfiguration": {ADD, CHANGE, DELETE},
    "core.Exam": {ADD, CHANGE},
    "core.ExamAttempt": {ADD, CHANGE, DELETE},
    "core.AssessmentControlResult": set(),
    "core.StudentAllowance": {ADD, CHANGE, DELETE},
    "core.OwedEmail": set(),
    "events.OutboxEvent": set(),
    "events.RelayLease": set(),
    "events.RoleChange": {DELETE},
    "events.FailedEvent": set(),
    "lti.LtiTool": {ADD, CHANGE, DELETE},
    "lti.LtiPlatformKey": set(),
    "lti.LtiLaunch": set(),
    "lti.LaunchSession": set(),
    "lti.ProctoredAttempt": set(),
    "lti.UsedToken": set(),
}
OURS: Final = [model for model in admin.site._registry if model.__module__.startswith("edx_exams.")]


def make_row(model: type[Model]) -> Any:
    """A row of any model, with whatever its columns demand."""
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if field.null or field.has_default() or field.auto_created or getattr(field, "auto_now_add", False):
            continue
        if isinstance(field, models.ForeignKey):
            values[field.name] = make_row(field.related_model)
        elif isinstance(field, models.DateTimeField):
            values[field.name] = timezone.now()
        elif isinstance(field, models.JSONField):
            values[field.name] = {}
        elif isinstance(field, models.UUIDField):
            values[field.name] = uuid.uuid4()
        elif isinstance(field, (models.IntegerField, models.DecimalField)):
            values[field.name] = 1
        elif field.choices:
            values[field.name] = field.choices[0][0]
        else:
            values[field.name] = uuid.uuid4().hex[: field.max_length or 32]
    return model._default_manager.create(**values)


def everything(model: type[Model]) -> list[Any]:
    return list(model._default_manager.order_by("pk").values_list())


def writes(model: type[Model], row: Model) -> dict[str, tuple[str, dict[str, Any]]]:
    """The path and form of each way to write that the admin has, by what it does."""
    made: dict[str, tuple[str, dict[str, Any]]] = {
        ADD: (page(model, "add"), {}),
        CHANGE: (page(model, "change", row.pk), {"status": "verified", "is_active": "on", "extra_time_mins": "9"}),
        DELETE: (page(model, "delete", row.pk), {"post": "yes"}),
        "history": (page(model, "history", row.pk), {"status": "verified"}),
        "delete many": (
            page(model, "changelist"),
            {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"},
        ),
    }
    try:
        version = model.history.earliest("history_id")  # type: ignore[attr-defined]
        made["revert"] = (page(model, "simple_history", row.pk, version.pk), {"status": "verified"})
    except (AttributeError, NoReverseMatch):
        pass  # a model without history
    return made


@pytest.fixture
def viewer(db: None) -> User:
    """Someone who may see everything, and change nothing."""
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def nobody(db: None) -> User:
    """Someone who may enter the admin, and do nothing there."""
    return UserFactory.create(is_staff=True)


def test_each_model_of_ours_has_its_line() -> None:
    assert {model._meta.label for model in OURS} == set(SUPERUSER_MAY)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
class TestEachModel:
    """The same questions for every model of ours."""

    def test_who_may_only_look_or_nothing_writes_nothing_in_any_way(
        self, model: type[Model], viewer: User, nobody: User
    ) -> None:
        row = make_row(model)
        for user, sees in ((viewer, 200), (nobody, 403)):
            client = browser_of(user)
            assert client.get(page(model, "changelist")).status_code == sees
            assert client.get(page(model, "change", row.pk)).status_code == sees
            before = everything(model)
            answers = {name: client.post(path, form).status_code for name, (path, form) in writes(model, row).items()}
            assert everything(model) == before
            # The list takes a form without an action that one may use, and does nothing.
            refused = {name: status for name, status in answers.items() if name != "delete many"}
            assert set(refused.values()) <= {403, 405}, refused
            assert answers["delete many"] in {200, 302, 403}

    def test_strangers_are_sent_to_the_login(self, model: type[Model]) -> None:
        row = make_row(model)
        before = everything(model)
        answers = [Client().post(path, form) for path, form in writes(model, row).values()]
        assert {answer.status_code for answer in answers} == {302}
        assert {answer.headers["Location"].partition("?")[0] for answer in answers} == {"/admin/login/"}
        assert everything(model) == before

    def test_a_superuser_has_the_pages_of_the_table_and_no_others(self, model: type[Model], browser: Client) -> None:
        row, may = make_row(model), SUPERUSER_MAY[model._meta.label]
        assert browser.get(page(model, "changelist")).status_code == 200
        assert (browser.get(page(model, "add")).status_code == 200) == (ADD in may)
        assert (browser.get(page(model, "delete", row.pk)).status_code == 200) == (DELETE in may)
        changes = browser.get(page(model, "change", row.pk))
        assert changes.status_code == 200
        assert (b'name="_save"' in changes.content) == (CHANGE in may)
        for name, (path, form) in writes(model, row).items():
            if name in {"history", "revert"}:
                before = everything(model)
                assert browser.post(path, form).status_code in {403, 405}
                assert everything(model) == before


def actions_of(model: type[Model], browser: Client) -> list[str]:
    """The actions that the list of a model offers: with no row in it, it offers none."""
    with transaction.atomic():
        make_row(model)
        listed = browser.get(page(model, "changelist")).content.decode()
        transaction.set_rollback(True)
    _, _, options = listed.partition('<select name="action"')
    return re.findall(r'<option value="(\w+)"', options.partition("</select>")[0])


@pytest.mark.exhaustive
def test_no_list_of_the_admin_stumbles_over_entries_that_cannot_be(browser: Client) -> None:
    tried = 0
    for model in admin.site._registry:
        for action in actions_of(model, browser):
            for chosen in ("nonsense", "9" * 25, "\0"):
                form = {"action": action, "_selected_action": [chosen], "post": "yes"}
                answer = browser.post(page(model, "changelist"), form)
                assert answer.status_code in {302, 400}, (model, action, chosen)
                tried += 1
    assert tried >= 3 * len(OURS)
