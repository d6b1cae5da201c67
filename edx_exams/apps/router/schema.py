# SPDX-License-Identifier: AGPL-3.0-only
"""OpenAPI descriptions of operations that may be forwarded."""

from collections.abc import Callable
from typing import Any, Final, override

from drf_spectacular.openapi import AutoSchema

_FORWARDED: Final = {
    "type": "object",
    "description": "For a course whose exams are in the platform's older exam system: its answer.",
}
_NO_LIST: Final = {
    "description": "The platform's older exam system has this course and does not list its exams; or no such path",
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [{"type": "array", "items": {}, "maxItems": 0}, {"$ref": "#/components/schemas/Refusal"}]
            }
        }
    },
}


class ForwardedSchema(AutoSchema):
    """Description of the API's own view, with the legacy service's answers and two more failures."""

    @override
    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            responses = operation["responses"]
            ours = responses.get("200", {}).get("content", {}).get("application/json", {}).get("schema")
            schema = {"anyOf": [ours, _FORWARDED]} if ours else _FORWARDED
            responses["200"] = {"description": "", "content": {"application/json": {"schema": schema}}}
            for status in ("404", "502", "504"):
                responses.setdefault(status, {})  # described with all other refusals
        return operation


class CourseExamsSchema(ForwardedSchema):
    """The same of a course's list of exams, except that the legacy service gives none and is not asked for it."""

    @override
    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        if self.view.request.method != "GET":
            return super().get_operation(*args, **kwargs)
        operation = super(ForwardedSchema, self).get_operation(*args, **kwargs)
        if operation is not None:
            operation["responses"]["404"] = _NO_LIST
        return operation


def described_as[View: Callable[..., Any]](ours: Callable[..., Any]) -> Callable[[View], View]:
    """Give a method the description of the one that it stands before."""

    def describe(method: View) -> View:
        method.__doc__ = ours.__doc__
        vars(method).update(vars(ours))
        return method

    return describe
