# SPDX-License-Identifier: AGPL-3.0-only
"""The OpenAPI document: valid, whole, and enough to make a client from. Answers are held against it in every test."""

import json
from io import StringIO
from typing import Any, Final

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from rest_framework.test import APIClient

from tests.api.conformance import as_json_schema, document
from tests.api.contract import API, METHODS, PATHS
from tests.factories import COURSE_ID, ExamFactory

OPERATIONS: Final = [(name, method.lower()) for name, methods in METHODS.items() for method in methods]

#: The one refusal without words: the exams of a course that has them in the older exam system.
EMPTY_LIST: Final = ("exams", "get", "404")


def operation(name: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][API + PATHS[name]][method]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if reference := schema.get("$ref"):
        found: dict[str, Any] = document()["components"]["schemas"][reference.rpartition("/")[2]]
        return found
    return schema


def test_the_document_is_valid_and_made_without_a_warning() -> None:
    out, err = StringIO(), StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", stdout=out, stderr=err)
    assert json.loads(out.getvalue())["openapi"].startswith("3.")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api-docs/schema", "/api-docs/schema/"])
def test_the_document_is_there_for_everybody(path: str, as_nobody: APIClient) -> None:
    answer = as_nobody.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(("application/vnd.oai.openapi", "application/json"))
    assert b"/api/v1/exams/attempt/latest" in answer.content


def test_the_document_lists_the_paths_of_the_contract_and_no_others() -> None:
    listed = {
        path: sorted(operations) for path, operations in document()["paths"].items() if path.startswith(f"{API}/")
    }
    assert listed == {API + PATHS[name]: sorted(m.lower() for m in methods) for name, methods in METHODS.items()}


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation(*one)["operationId"] for one in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize(("name", "method"), OPERATIONS)
def test_every_operation_says_what_it_does_and_how_it_refuses(name: str, method: str) -> None:
    found = operation(name, method)
    assert found["description"]
    answers = found["responses"]
    assert {"401", "403", "503"} <= set(answers)
    assert not [status for status in answers if int(status) >= 500 and status not in {"502", "503", "504"}]
    assert "Retry-After" in answers["503"]["headers"]
    for status, answer in answers.items():
        if int(status) >= 400 and (name, method, status) != EMPTY_LIST:
            content = answer["content"]["application/json"]
            assert resolved(content["schema"])["required"] == ["detail"], status
            assert content["example"]["detail"], status
    by_cookies: list[Any] = [] if name == "retirement" else [{"jwtCookies": []}]
    assert found["security"] == [{"jwtHeader": []}, *by_cookies]


@pytest.mark.parametrize(("name", "method"), [one for one in OPERATIONS if one[1] in {"post", "put", "patch"}])
def test_every_body_has_an_example_that_fits_its_shape(name: str, method: str) -> None:
    content = operation(name, method)["requestBody"]["content"]
    assert list(content) == ["application/json"]
    body = content["application/json"]
    assert {"400", "413", "415"} <= set(operation(name, method)["responses"])
    validator = Draft202012Validator(as_json_schema(body["schema"]))
    examples = [example["value"] for example in body["examples"].values()]
    assert examples
    for example in examples:
        validator.validate(example)


@pytest.mark.parametrize(("name", "method"), OPERATIONS)
def test_every_parameter_says_what_it_is(name: str, method: str) -> None:
    parameters = operation(name, method).get("parameters", [])
    in_path = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
    assert in_path == {part[1:-1] for part in PATHS[name].split("/") if part.startswith("{")}
    for parameter in parameters:
        assert parameter["schema"].get("type") or parameter["schema"].get("$ref") or parameter["schema"].get("enum")
        assert parameter.get("required", False) == (parameter["in"] == "path")


QUERIES: Final = [
    (path, parameter["name"])
    for path, operations in document()["paths"].items()
    for parameter in operations.get("get", {}).get("parameters", [])
    if parameter["in"] == "query"
]


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "name"), QUERIES)
def test_a_query_that_the_service_takes_is_one_that_the_document_allows(
    path: str, name: str, as_course_team: APIClient
) -> None:
    exam = ExamFactory.create()
    address = path.format(course_id=COURSE_ID, exam_id=exam.pk)
    values = ("", "0", "-1", "1", "x", "é" * 300)
    # The middleware of these tests holds each that is not refused against the document.
    statuses = {as_course_team.get(address, {name: value}).status_code for value in values}
    assert statuses <= {200, 400, 404}


def test_both_ways_to_authenticate_are_described() -> None:
    schemes = document()["components"]["securitySchemes"]
    assert (schemes["jwtHeader"]["in"], schemes["jwtHeader"]["name"]) == ("header", "Authorization")
    assert (schemes["jwtCookies"]["in"], schemes["jwtCookies"]["name"]) == ("cookie", "edx-jwt-cookie-header-payload")
