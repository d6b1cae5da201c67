# SPDX-License-Identifier: AGPL-3.0-only
"""
The dashboard's shapes: what comes in is checked and converted, what goes out is described for the document.

What goes out is built by `rows`: without serializers, a page of a hundred rows takes half the time.
"""

import re
from decimal import Decimal
from typing import Any, Final, override

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from edx_exams.apps.api.schema import RefusalSerializer
from edx_exams.apps.api.v1.serializers import Data
from edx_exams.apps.core.allowance_types import (
    ALLOWANCE_TYPE_CHOICES,
    MAX_MULTIPLIER,
    MAX_REVIEW_EXCEPTION_LENGTH,
    MIN_MULTIPLIER,
    AllowanceType,
    AllowanceValue,
)
from edx_exams.apps.core.limits import MAX_INTEGER, MAX_MINUTES, is_storable_text
from edx_exams.apps.core.statuses import ExamAttemptStatus

#: People and exams that one request may name, and rows that it may ask for.
MAX_PEOPLE: Final = 1_000
MAX_EXAMS: Final = 500
MAX_ROWS: Final = 5_000


class DashboardRefusalSerializer(RefusalSerializer):
    """A refusal, with its reason in the two places in which the dashboard looks for it."""

    error = serializers.CharField(help_text="The same as `detail`.")


class DashboardExamSerializer(Data):
    """A special exam."""

    id = serializers.IntegerField()
    course_id = serializers.CharField()
    content_id = serializers.CharField()
    exam_name = serializers.CharField()
    time_limit_mins = serializers.IntegerField(help_text="Minutes.")
    due_date = serializers.DateTimeField(allow_null=True)
    exam_type = serializers.CharField(help_text="`practice`, else `proctored`, else `timed`.")
    is_proctored = serializers.BooleanField()
    is_practice_exam = serializers.BooleanField()
    is_active = serializers.BooleanField()
    hide_after_due = serializers.BooleanField()
    backend = serializers.CharField(allow_null=True, help_text="Name of the proctoring provider.")


class DashboardUserSerializer(Data):
    """A person."""

    id = serializers.IntegerField(
        help_text="The LMS's id of the person, or minus the id of our row where the LMS's is unknown."
    )
    username = serializers.CharField()
    email = serializers.CharField()


class DashboardAttemptSerializer(Data):
    """A learner's attempt."""

    id = serializers.IntegerField()
    user = DashboardUserSerializer()
    exam_id = serializers.IntegerField()
    exam_name = serializers.CharField()
    exam_type = serializers.CharField(help_text="`practice`, else `proctored`, else `timed`.")
    status = serializers.ChoiceField(ExamAttemptStatus.choices)
    start_time = serializers.DateTimeField(allow_null=True)
    end_time = serializers.DateTimeField(allow_null=True)
    allowed_time_limit_mins = serializers.IntegerField(allow_null=True, help_text="Minutes.")
    ready_to_resume = serializers.BooleanField(help_text="Always false: an attempt cannot be resumed.")


class DashboardAllowanceSerializer(Data):
    """A line of the list of allowances. The line of a review exception has the negative of the allowance's id."""

    id = serializers.IntegerField()
    created = serializers.DateTimeField()
    modified = serializers.DateTimeField()
    user = DashboardUserSerializer()
    key = serializers.ChoiceField(ALLOWANCE_TYPE_CHOICES)
    value = serializers.CharField()
    proctored_exam = DashboardExamSerializer()


class _PageSerializer(Data):
    """A page of a list."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    count = serializers.IntegerField()
    num_pages = serializers.IntegerField()
    current_page = serializers.IntegerField()
    start = serializers.IntegerField(help_text="Place of the first row in the whole list, from 0.")


class AttemptsPageSerializer(_PageSerializer):
    """A page of attempts."""

    results = DashboardAttemptSerializer(many=True)


class AllowancesPageSerializer(_PageSerializer):
    """A page of allowances."""

    results = DashboardAllowanceSerializer(many=True)


class ExamsQuerySerializer(Data):
    """Query of the list of exams."""

    exam_type = serializers.CharField(
        required=False, allow_blank=True, help_text="`proctored`, `timed` or `practice`; none is found for any other."
    )


class ListQuerySerializer(Data):
    """Query of a list in pages."""

    search = serializers.CharField(
        required=False, default="", allow_blank=True, trim_whitespace=False, help_text="Part of username or e-mail."
    )
    ordering = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="A column; `-` before it: descending."
    )
    page = serializers.IntegerField(required=False, min_value=1)
    page_size = serializers.IntegerField(required=False, min_value=1, help_text="10 by default, 100 at most.")


_IDENTIFIER: Final = {"oneOf": [{"type": "string"}, {"type": "integer"}]}


@extend_schema_field(_IDENTIFIER)
class IdentifierField(serializers.Field[Any, Any, Any, Any]):
    """A username or else an e-mail address as text, digits included; as a number an id as the lists show it."""

    default_error_messages = {"invalid": "Give a username, an e-mail address or an id."}  # noqa: RUF012

    @override
    def to_internal_value(self, data: Any) -> str | int:
        # Whoever is not there is told so in the answer's row, the empty text included.
        if isinstance(data, bool) or not isinstance(data, (str, int)) or (isinstance(data, str) and "\0" in data):
            self.fail("invalid")
        return data

    @override
    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "array", "items": _IDENTIFIER, "minItems": 1, "maxItems": MAX_PEOPLE},
            *_IDENTIFIER["oneOf"],
        ]
    }
)
class PeopleField(serializers.ListField):
    """People, each by text or number; one person may stand alone."""

    child = IdentifierField()

    @override
    def to_internal_value(self, data: Any) -> list[str | int]:
        if isinstance(data, (str, int)) and not isinstance(data, bool):
            data = [data]
        people: list[str | int] = super().to_internal_value(data)
        return people


class AllowanceTypeField(serializers.ChoiceField):
    """The type of an allowance."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ALLOWANCE_TYPE_CHOICES, **kwargs)

    @override
    def to_internal_value(self, data: Any) -> AllowanceType:
        return AllowanceType(super().to_internal_value(data))


class StrictBooleanField(serializers.BooleanField):
    """True or false, and nothing that merely looks like it."""

    @override
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class RevokeSerializer(Data):
    """Allowances to take away."""

    user_ids = PeopleField(min_length=1, max_length=MAX_PEOPLE)
    allowance_type = AllowanceTypeField()


class GrantSerializer(RevokeSerializer):
    """An allowance for several people."""

    value = serializers.JSONField(help_text="Whole minutes, a multiplier from 1 to 10, or words: as the type says.")

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        value = _VALUES[attrs["allowance_type"]](attrs["value"])
        return {**attrs, "value": value}


class BulkGrantSerializer(GrantSerializer):
    """An allowance for several people and exams: 5,000 pairs of them at most."""

    exam_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_INTEGER),
        min_length=1,
        max_length=MAX_EXAMS,
        help_text="Ids of exams.",
    )

    @override
    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        rows = len(attrs["exam_ids"]) * len(attrs["user_ids"])
        if rows > MAX_ROWS:
            message = f"People times exams make {rows:,} rows. Ask for {MAX_ROWS:,} at most at once."
            raise serializers.ValidationError({"user_ids": [message]})
        return super().validate(attrs)


_DECIMAL: Final = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


def _minutes(value: Any) -> int:
    number = _number(value)
    if number is None or number != number.to_integral_value() or not 0 <= number <= MAX_MINUTES:
        raise _invalid(f"Give whole minutes from 0 to {MAX_MINUTES:,}.")
    return int(number)


def _multiplier(value: Any) -> Decimal:
    number = _number(value)
    if number is None or not MIN_MULTIPLIER <= number <= MAX_MULTIPLIER or number != round(number, 2):
        raise _invalid("Give a number from 1 to 10 with two decimals at most.")
    return round(number, 2)


def _words(value: Any) -> str:
    if not is_storable_text(value, MAX_REVIEW_EXCEPTION_LENGTH) or not value.strip():
        raise _invalid(f"Give a text of 1 to {MAX_REVIEW_EXCEPTION_LENGTH:,} characters.")
    return value


def _number(value: Any) -> Decimal | None:
    """Read a number, or a number in a text, as dashboards send them: exactly, not by way of a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value).strip()
    return Decimal(text) if _DECIMAL.fullmatch(text) else None


def shown_value(value: AllowanceValue) -> int | float | str:
    """Return the value as JSON has it."""
    return float(value) if isinstance(value, Decimal) else value


def _invalid(message: str) -> serializers.ValidationError:
    return serializers.ValidationError({"value": [message]})


_VALUES: Final = {
    AllowanceType.ADDITIONAL_TIME: _minutes,
    AllowanceType.TIME_MULTIPLIER: _multiplier,
    AllowanceType.REVIEW_POLICY_EXCEPTION: _words,
}


class ResultSerializer(Data):
    """The result for one person."""

    identifier = IdentifierField()
    success = serializers.BooleanField()
    error = serializers.CharField(required=False, help_text="The reason, where it was not done.")
    replaced = serializers.ChoiceField(
        ALLOWANCE_TYPE_CHOICES, required=False, help_text="The type of the allowance that it replaced."
    )


class BulkResultSerializer(ResultSerializer):
    """The result for one person and one exam."""

    exam_id = serializers.IntegerField()


class ExamResultsSerializer(Data):
    """The results for an exam."""

    allowance_type = serializers.CharField()
    results = ResultSerializer(many=True)


class BulkResultsSerializer(Data):
    """The results for several exams."""

    allowance_type = serializers.CharField()
    value = serializers.JSONField()
    results = BulkResultSerializer(many=True)


class ResetSerializer(Data):
    """The result of a reset."""

    success = serializers.BooleanField()
    message = serializers.CharField()


class ProctoringSettingsSerializer(Data):
    """A course's settings for proctoring."""

    proctoring_provider = serializers.CharField(allow_null=True)
    proctoring_escalation_email = serializers.EmailField(allow_null=True)
    create_zendesk_tickets = serializers.BooleanField()
    enable_proctored_exams = serializers.BooleanField()
    supports_onboarding = serializers.BooleanField()
    review_dashboard_available = serializers.BooleanField()


class ProctoringSettingsChangeSerializer(Data):
    """Changes of a course's settings for proctoring."""

    #: Empty, as a form has it, is none.
    proctoring_escalation_email = serializers.EmailField(
        required=False, allow_null=True, allow_blank=True, max_length=254
    )
    proctoring_provider = serializers.CharField(required=False, allow_null=True, trim_whitespace=False)
    create_zendesk_tickets = StrictBooleanField(required=False)
    enable_proctored_exams = StrictBooleanField(required=False)
    supports_onboarding = StrictBooleanField(required=False)
    review_dashboard_available = StrictBooleanField(required=False)
