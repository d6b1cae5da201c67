# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the router, and what the OpenAPI document says of it."""

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from edx_exams.apps.core.checks import TAG
from tests.api.conformance import document
from tests.core.test_checks import refusal


@pytest.mark.parametrize(
    "name", ["LEGACY_CONNECT_TIMEOUT", "LEGACY_READ_TIMEOUT", "LEGACY_WRITE_TIMEOUT", "LEGACY_PAUSE_AFTER_FAILURE"]
)
@pytest.mark.parametrize("value", [None, 0, -1, "5", float("inf"), True])
def test_a_wait_without_end_is_an_error(name: str, value: Any, settings: Settings) -> None:
    setattr(settings, name, value)
    assert [message.id for message in run_checks(tags=[TAG]) if name in message.msg] == ["edx_exams.router.E001"]


def test_an_address_that_is_none_is_an_error(settings: Settings) -> None:
    settings.LEGACY_INTERNAL_URL = "lms:8000"
    found = [message.id for message in run_checks(tags=[TAG]) if "LEGACY_INTERNAL" in message.msg]
    assert found == ["edx_exams.router.E001"]


def test_a_wrong_value_is_refused_at_the_start_in_one_line_that_names_the_setting(settings: Settings) -> None:
    settings.LEGACY_READ_TIMEOUT = None
    lines = refusal().splitlines()
    assert lines
    assert all("LEGACY_READ_TIMEOUT" in line for line in lines)
    assert "password" not in " ".join(lines)


def test_the_defaults_are_sound() -> None:
    assert not [message for message in run_checks(tags=[TAG]) if "router" in str(message.id)]


def test_the_document_tells_how_forwarding_fails() -> None:
    paths = document()["paths"]
    forwarded = {
        f"{method} {path.removeprefix('/api/v1')}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith("/api/v1/") and {"502", "504"} <= set(operation["responses"])
    }
    assert forwarded == {
        "patch /exams/course_id/{course_id}",
        "get /student/exam/attempt/course_id/{course_id}/content_id/{content_id}",
        "get /exam/provider_settings/course_id/{course_id}/exam_id/{exam_id}",
        "get /student/course_id/{course_id}/onboarding",
    }
    no_list = paths["/api/v1/exams/course_id/{course_id}"]["get"]["responses"]["404"]
    assert no_list["content"]["application/json"]["schema"]["anyOf"][0]["type"] == "array"
