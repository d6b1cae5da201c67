# SPDX-License-Identifier: AGPL-3.0-only
"""The parts of the OpenAPI document that all endpoints share: ways to authenticate, and the shape of a refusal."""

from collections.abc import Mapping
from typing import Any, Final, override

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, OpenApiResponse
from rest_framework import serializers

_REFUSALS = {
    400: "The request is wrong, or the rules refuse it; nothing has changed",
    401: "No valid credentials",
    403: "Not allowed",
    404: "Not found",
    413: "The body is too large",
    415: "The body is not JSON",
    502: "Another system of the platform, which has this course's exams, gave no usable answer",
    503: "The database is busy or unavailable; nothing has changed; try again after the seconds in Retry-After",
    504: "Another system of the platform, which has this course's exams, did not answer in time",
    508: "The platform's proxy sends the request in a circle",
}


class RefusalSerializer(serializers.Serializer[Any]):
    """A refusal, with its reason."""

    detail = serializers.CharField(help_text="The reason, in words that help the person who reads them.")
    errors = serializers.JSONField(  # type: ignore[assignment]  # hides a property that a shape does not need
        required=False, help_text="The errors by field, where fields are wrong."
    )


def refusals(*statuses: int) -> dict[int, OpenApiResponse]:
    """Return the refusals of an operation, beside those that every operation has."""
    return {status: OpenApiResponse(RefusalSerializer, description=_REFUSALS[status]) for status in statuses}


_PATH_PARAMETERS: Final = {
    "course_id": "Id of the course, raw or percent-encoded: `course-v1:Org+Num+Run`, `Org/Num/Run` or an external key.",
    "content_id": "Usage key of the exam's content: `block-v1:…` or `i4x://…`.",
    "exam_id": "Id of the exam.",
    "attempt_id": "Id of the attempt.",
    "allowance_id": "Id of the allowance.",
    "username": "Username of the learner.",
}

#: The refusals that every operation has, and those of the operations that read a body.
_ALWAYS: Final = (401, 403, 503)
_OF_BODIES: Final = (400, 413, 415)
#: A query may have more parameters than Django reads.
_OF_QUERIES: Final = (400,)
#: A path parameter may have a value that makes another path of it.
_OF_PARAMETERS: Final = (404,)
#: A key in a path may begin or end with white space.
_OF_KEYS: Final = (400,)


def describe_refusals(result: dict[str, Any], generator: SchemaGenerator, **kwargs: Any) -> dict[str, Any]:
    """Complete the document: refusals that all operations share, ways to authenticate, paths as they are written."""
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            of_its_own = (int(status) for status in operation["responses"] if int(status) >= 400)
            of_bodies = () if method == "get" else _OF_BODIES
            of_queries = _OF_QUERIES if any(p["in"] == "query" for p in operation.get("parameters", ())) else ()
            of_parameters = _OF_PARAMETERS if "{" in path else ()
            of_keys = _OF_KEYS if "{course_id}" in path else ()
            for status in {*_ALWAYS, *of_bodies, *of_queries, *of_parameters, *of_keys, *of_its_own}:
                if not _is_described(operation["responses"].get(str(status), {})):
                    operation["responses"][str(status)] = refusal_of_shape(status, _REFUSAL_SCHEMA, "detail")
            operation["responses"] = dict(sorted(operation["responses"].items()))
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    parameter.update(_path_parameter(parameter["name"], parameter["schema"]))
            if operation.get("security") != [{"jwtHeader": []}]:  # a service's, that takes no cookies
                operation["security"] = [{"jwtHeader": []}, {"jwtCookies": []}]
    result["paths"] = {path.removesuffix("/"): operations for path, operations in result["paths"].items()}
    return result


def _path_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter of a path by its name."""
    description = _PATH_PARAMETERS[name]
    if name in ("course_id", "content_id", "username"):
        return {"description": description, "schema": schema}
    return {"description": description, "schema": {"type": "integer", "minimum": 0}}


def only_ours(endpoints: list[tuple[str, ...]], **kwargs: Any) -> list[tuple[str, ...]]:
    """Keep our API, without the pages and tokens beside it, and of two views of a path the first."""
    first: dict[tuple[str, str], tuple[str, ...]] = {}
    for endpoint in endpoints:
        path, _, method, _ = endpoint
        if path.startswith(("/api/v1/", "/api/instructor/v2/")):
            first.setdefault((path, method), endpoint)
    return list(first.values())


_REFUSAL_SCHEMA: Final = {"$ref": "#/components/schemas/Refusal"}


def _is_described(response: dict[str, Any]) -> bool:
    """Return True for the rare refusal with a shape of its own."""
    content = response.get("content", {}).get("application/json")
    return content is not None and content["schema"] != _REFUSAL_SCHEMA


def refusal_of_shape(status: int, schema: Mapping[str, Any], *fields: str) -> dict[str, Any]:
    """
    Describe a refusal in the document.

    :param fields: the fields of the shape that hold the reason
    """
    reason = f"{_REFUSALS[status].partition(';')[0]}."
    response: dict[str, Any] = {
        "description": _REFUSALS[status],
        "content": {"application/json": {"schema": schema, "example": dict.fromkeys(fields, reason)}},
    }
    if status == 503:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return response


class EmptyShape(OpenApiSerializerExtension):
    """Describe `{}` in the document: drf-spectacular leaves a shape without fields out."""

    target_class = "edx_exams.apps.api.v1.serializers.EmptySerializer"

    @override
    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        return {"type": "object", "description": "An empty object.", "additionalProperties": False}


class JwtScheme(OpenApiAuthenticationExtension):
    """The two ways in which callers authenticate."""

    target_class = "edx_exams.apps.api.authentication.JwtAuthentication"
    match_subclasses = True
    name = ["jwtHeader", "jwtCookies"]  # noqa: RUF012  (drf-spectacular's own form)

    @override
    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`JWT <token>`, a token of the LMS.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": "edx-jwt-cookie-header-payload",
                "description": "The LMS's split JWT cookies (`edx-jwt-cookie-signature` is the other one), with a CSRF "
                "token in `X-CSRFToken` where something is written.",
            },
        ]
