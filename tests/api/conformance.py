# SPDX-License-Identifier: AGPL-3.0-only
"""Every answer that a test of the API sees, and each query that was taken, is held against the OpenAPI document."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from rest_framework import status

from tests.api.contract import API, PATHS
from tests.instructor import dashboard

Document = dict[str, Any]

#: Documented paths by the namespaces and names of their views.
_DOCUMENTED: Final = {
    **{f"v1:{name}": API + path for name, path in PATHS.items()},
    **{f"instructor:{name}": dashboard.BASE + path for name, path in dashboard.PATHS.items()},
}


@cache
def document() -> Document:
    """The OpenAPI document."""
    text = json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str)
    parsed: Document = json.loads(text)
    return parsed


class HoldsAgainstDocument:
    """
    Middleware that fails a test whose answer the document does not foresee: its status, its type, its fields.

    A query is held against it too when it was not refused: the document must allow what the service takes.

    A method that a path does not have is 405 and stands nowhere.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match and match.view_name in _DOCUMENTED:
            self._hold(request, response, match.view_name)
        return response

    @staticmethod
    def _hold(request: HttpRequest, response: HttpResponse, name: str) -> None:
        method = "get" if request.method == "HEAD" else (request.method or "").lower()
        operation = document()["paths"][_DOCUMENTED[name]].get(method)
        if operation is None:
            assert response.status_code == status.HTTP_405_METHOD_NOT_ALLOWED
            return
        answers = operation["responses"]
        content = b"" if response.streaming else response.content
        said = f"{request.method} {name}: {response.status_code} {content[:500]!r}"
        assert str(response.status_code) in answers, f"{said} is not in the document"
        if response.status_code < status.HTTP_400_BAD_REQUEST:
            _hold_query(request, operation, said)
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        foreseen = answers[str(response.status_code)].get("content", {})
        if request.method == "HEAD":
            return  # whose body the server drops further out
        if not foreseen:
            assert not content, f"{said} should have no body"
            return
        assert kind in foreseen, f"{said} is {kind}"
        if kind == "application/json":
            problems = [
                f"{problem.json_path}: {problem.message}"
                for problem in _validator(name, method, response.status_code).iter_errors(json.loads(content))
            ]
            assert not problems, f"{said} is not as documented: {problems}"


def _hold_query(request: HttpRequest, operation: Document, said: str) -> None:
    schemas = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
    for name in schemas.keys() & set(request.GET):
        value = request.GET[name]
        is_number = schemas[name].get("type") == "integer" and value.lstrip("-").isdecimal()
        problems = list(Draft202012Validator(schemas[name]).iter_errors(int(value) if is_number else value))
        assert not problems, f"{said} took {name}={value!r}, which the document does not allow: {problems}"


@cache
def _validator(name: str, method: str, status_code: int) -> Draft202012Validator:
    operation = document()["paths"][_DOCUMENTED[name]][method]
    content = operation["responses"][str(status_code)]["content"]
    return Draft202012Validator(as_json_schema(content["application/json"]["schema"], closed=True))


def as_json_schema(schema: dict[str, Any], *, closed: bool = False) -> dict[str, Any]:
    """
    A schema of the document as JSON Schema, with the components that it refers to.

    :param closed: allow no field beside those that are named
    """
    components = {"schemas": _converted(document()["components"]["schemas"], closed=closed)}
    return {**_converted(schema, closed=closed), "components": components}


#: Keywords beside which OpenAPI 3.0's "nullable" cannot become one more type.
_WITHOUT_A_TYPE_OF_THEIR_OWN: Final = frozenset({"$ref", "allOf", "oneOf", "anyOf", "enum"})


def _converted(schema: Any, *, closed: bool) -> Any:
    if isinstance(schema, list):
        return [_converted(nested, closed=closed) for nested in schema]
    if not isinstance(schema, dict):
        return schema
    converted = {name: _converted(value, closed=closed) for name, value in schema.items() if name != "nullable"}
    if closed and schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        converted.setdefault("additionalProperties", False)
    if schema.get("nullable") is not True:
        return converted
    if _WITHOUT_A_TYPE_OF_THEIR_OWN & set(schema):
        return {"anyOf": [converted, {"type": "null"}]}
    return {**converted, "type": [schema["type"], "null"]}
