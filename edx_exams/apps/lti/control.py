# SPDX-License-Identifier: AGPL-3.0-only
"""
Validation of requests to the Assessment Control Service, as a pure function of the body.

Proctoring Services 1.0, “Assessment Control Service”. All of a body is judged before anything is looked up or written.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from edx_exams.apps.api.parsers import refuse_constant
from edx_exams.apps.core.api import ControlReport
from edx_exams.apps.core.limits import MAX_IDENTIFIER_LENGTH, MAX_INTEGER, MAX_MINUTES, is_storable_text
from edx_exams.apps.core.transition_rules import ControlAction
from edx_exams.apps.lti.tool_messages import whole_number

#: Characters.
MAX_REASON_CODE_LENGTH: Final = 64
MAX_REASON_LENGTH: Final = 4096
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?(\d{1,32}(\.\d{0,32})?|\.\d{1,32})([eE][+-]?\d{1,3})?", re.ASCII)


class BadBody(Exception):
    """
    A body that is not what it must be.

    :param errors: texts by field
    """

    def __init__(self, errors: Mapping[str, list[str]]) -> None:
        self.errors = errors
        field, texts = next(iter(errors.items()))
        super().__init__(f"{field}: {texts[0]}")


class _Wrong(Exception):
    """A value that its field does not take; the text says what it does take."""


class ControlRequest(NamedTuple):
    """The assessment that is meant, and the action to apply to it."""

    user: str
    resource_id: str
    attempt_number: int
    report: ControlReport


def read_control_request(body: bytes, *, issuer: str) -> ControlRequest:
    """
    Validate a body.

    :param issuer: us, for a user whose `iss` is told
    :raises BadBody: a field is missing or wrong; all that are wrong are told at once
    """
    data = _json(body)
    errors: dict[str, list[str]] = {}

    def field(name: str, read: Callable[[Any], Any], *, required: bool = False) -> Any:
        value = data.get(name)
        if value is None:
            if required:
                errors[name] = ["This field is required."]
            return None
        try:
            return read(value)
        except _Wrong as error:
            errors[name] = [str(error)]
            return None

    user = field("user", lambda value: _user(value, issuer), required=True)
    resource_id = field("resource_link", _resource_id, required=True)
    attempt_number = field("attempt_number", lambda value: _integer(value, 1, MAX_INTEGER), required=True)
    action = field("action", _action, required=True)
    incident_time = field("incident_time", _time, required=True)
    severity = field("incident_severity", _severity)
    reason_code = field("reason_code", _reason_code)
    message = field("reason_msg", lambda value: _text(value, MAX_REASON_LENGTH, allow_empty=True))
    extra_time = field("extra_time", lambda value: _integer(value, 0, MAX_MINUTES))
    if errors:
        raise BadBody(errors)
    report = ControlReport(action, incident_time, severity, reason_code, message, extra_time)
    return ControlRequest(user, resource_id, attempt_number, report)


def _json(body: bytes) -> dict[str, Any]:
    """The body's object. Numbers stay what was sent, to the last digit."""
    try:
        data = json.loads(body.decode("utf-8"), parse_float=Decimal, parse_constant=refuse_constant)
    except (ValueError, RecursionError, ArithmeticError):
        raise BadBody({"non_field_errors": ["The body is not valid JSON."]}) from None
    if not isinstance(data, dict):
        raise BadBody({"non_field_errors": ["The body must be a JSON object."]})
    return data


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong("This must be an object.")
    return value


def _text(value: object, longest: int, name: str = "", *, allow_empty: bool = False) -> str:
    if not is_storable_text(value, longest, allow_empty=allow_empty):
        message = f"{name or 'This'} must be text of at most {longest:,} characters."
        raise _Wrong(message)
    return value


def _user(value: object, issuer: str) -> str:
    user = _object(value)
    if user.get("iss") not in (None, issuer):
        raise _Wrong("iss is not this platform.")
    return _text(user.get("sub"), MAX_IDENTIFIER_LENGTH, "sub")


def _integer(value: object, least: int, most: int) -> int:
    number = whole_number(value)
    if number is None or not least <= number <= most:
        message = f"This must be a whole number from {least} to {most:,}."
        raise _Wrong(message)
    return number


def _resource_id(value: object) -> str:
    return _text(_object(value).get("id"), MAX_IDENTIFIER_LENGTH, "id")


def _action(value: object) -> ControlAction:
    if not isinstance(value, str) or value not in list(ControlAction):
        message = f"This must be one of: {', '.join(ControlAction)}."
        raise _Wrong(message)
    return ControlAction(value)


def _time(value: object) -> datetime:
    problem = "This must be a time with its zone, as in 2026-03-01T12:00:00Z."
    if not isinstance(value, str):
        raise _Wrong(problem)
    try:
        moment = datetime.fromisoformat(value)
        is_plausible = moment.tzinfo is not None and _EARLIEST <= moment <= _LATEST
    except (ValueError, OverflowError):
        raise _Wrong(problem) from None
    if not is_plausible:
        raise _Wrong(problem)
    return moment.astimezone(UTC)


def _severity(value: object) -> Decimal:
    """A number or the text of one, compared as it was sent."""
    problem = "This must be a number from 0 to 1."
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _Wrong(problem)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise _Wrong(problem)
    severity = Decimal(value)
    if not 0 <= severity <= 1:
        raise _Wrong(problem)
    return severity


def _reason_code(value: object) -> str | None:
    """Text, or a number as text: `1` and `1.0` are the same, however they are written. Empty text counts as no code."""
    if isinstance(value, Decimal) and value == value.to_integral_value() and value.adjusted() < MAX_REASON_CODE_LENGTH:
        value = int(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    return _text(value, MAX_REASON_CODE_LENGTH, allow_empty=True) or None
