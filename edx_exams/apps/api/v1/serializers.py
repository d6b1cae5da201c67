# SPDX-License-Identifier: AGPL-3.0-only
"""The shapes of requests and answers. Serializers check and convert; they query nothing and change nothing."""

import math
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, override

from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.timezone import is_aware
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from edx_exams.apps.core import opaque_keys
from edx_exams.apps.core.course_attempts import ORDERINGS
from edx_exams.apps.core.exam_types import EXAM_TYPE_CHOICES
from edx_exams.apps.core.limits import (
    MAX_IDENTIFIER_LENGTH,
    MAX_INTEGER,
    MAX_MINUTES,
    has_outer_blanks,
    is_storable_text,
)
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transition_rules import RESET_ACTION, LearnerAction, StaffAction

#: Characters of an exam's name.
MAX_NAME_LENGTH: Final = 10_000
#: Items of a list that is written at once: more than any course has, and few enough to be refused one by one.
MAX_EXAMS: Final = 5_000
MAX_GRANTS: Final = 10_000
#: Years in which every database and every zone can hold a date.
_YEARS: Final = range(1970, 9999)


class Data(serializers.Serializer[Any]):
    """The base of every shape: what REST framework finds out anew for each value is found out once."""

    @cached_property
    def _writable_fields(self) -> list[Any]:
        return [field for field in self.fields.values() if not field.read_only]

    @override
    def run_validators(self, value: Any) -> None:
        if self.validators:
            super().run_validators(value)


class ZonedDateTimeField(serializers.DateTimeField):
    """A time. Text without a zone is refused, not guessed at."""

    default_error_messages = {  # noqa: RUF012  (the base class's own form)
        "no_zoned_time": "Give a time with its zone, as 2026-11-23T23:59:00Z, "
        f"in a year from {_YEARS[0]} to {_YEARS[-1]}."
    }

    @override
    def to_internal_value(self, value: Any) -> datetime:
        try:
            moment = parse_datetime(value) if isinstance(value, str) else None
            moment = moment.astimezone(UTC) if moment and is_aware(moment) else None
        except (ValueError, OverflowError):
            moment = None
        if moment is None or moment.year not in _YEARS:
            self.fail("no_zoned_time")
        return moment


class TextField(serializers.CharField):
    """Text. A number is refused, not made into text."""

    @override
    def run_validators(self, value: Any) -> None:
        # Each of REST framework's checks goes through the text anew: they are asked where one will find something.
        # Further `validators` would not be: a class of its own has to check more.
        if not is_storable_text(value, self.max_length or len(value), allow_empty=True):
            super().run_validators(value)

    @override
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not self.allow_blank and not data.strip():  # without any of Unicode's white space
            self.fail("blank")
        return str(super().to_internal_value(data))


class IdentifierField(TextField):
    """Text that identifies: taken as it is. White space around it is refused, for databases disagree about it."""

    default_error_messages: ClassVar = {"outer_blanks": "This begins or ends with white space."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    @override
    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if has_outer_blanks(text):
            self.fail("outer_blanks")
        return text


class FlagField(serializers.BooleanField):
    """True or false, as JSON has them, or as the words. A `yes` or a `1` is refused, not taken for one of them."""

    @override
    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, str) and data.lower() in {"true", "false"}:
            return data.lower() == "true"
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field({"type": "number", "minimum": 0, "maximum": MAX_MINUTES})
class MinutesField(serializers.DecimalField):
    """Minutes. Fractions are rounded up: nobody gets less than was meant."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, min_value=0, max_value=MAX_MINUTES, **kwargs)

    @override
    def run_validation(self, data: Any = serializers.empty) -> Any:
        return math.ceil(super().run_validation(data))


class ExamListSerializer(serializers.ListSerializer[Any]):
    """A course's exams, each piece of content once."""

    @override
    def validate(self, attrs: Any) -> Any:
        if opaque_keys.course_key(self.context["course_id"]) is None:
            message = "The course id is not a valid course key: exams of such a course are not kept here."
            raise serializers.ValidationError(message)
        seen: set[str] = set()
        errors: dict[int, dict[str, Any]] = {}
        for number, item in enumerate(attrs):
            content = opaque_keys.in_course(item["content_id"], self.context["course_id"])
            if content in seen:
                errors[number] = {"content_id": ["This content stands twice in the list."]}
            seen.add(content)
        if errors:
            raise serializers.ValidationError(errors)  # type: ignore[arg-type]  # keyed by place, as DRF keys them
        return attrs


class ExamSerializer(Data):
    """An exam. On write the course comes from the path (`context["course_id"]`)."""

    id = serializers.IntegerField(read_only=True)
    exam_name = TextField(max_length=MAX_NAME_LENGTH, trim_whitespace=False)
    course_id = serializers.CharField(read_only=True)
    content_id = IdentifierField(max_length=MAX_IDENTIFIER_LENGTH)
    time_limit_mins = serializers.IntegerField(min_value=0, max_value=MAX_MINUTES)
    due_date = ZonedDateTimeField(allow_null=True)
    exam_type = serializers.ChoiceField(
        choices=EXAM_TYPE_CHOICES,
        error_messages={
            "invalid_choice": f"Not an exam type. There are: {', '.join(n for n, _ in EXAM_TYPE_CHOICES)}."
        },
    )
    hide_after_due = FlagField()
    is_active = FlagField()

    class Meta:
        list_serializer_class = ExamListSerializer

    def validate_content_id(self, value: str) -> str:
        """Refuse what is not content of the course."""
        if not opaque_keys.belongs_to(value, self.context["course_id"]):
            message = "This is not a valid usage key of content of this course."
            raise serializers.ValidationError(message)
        return value


class ConfigurationSerializer(Data):
    """The exam configuration of a course."""

    provider = IdentifierField(allow_null=True, max_length=255)
    escalation_email = serializers.EmailField(allow_null=True, max_length=254)

    @override
    def validate(self, attrs: Any) -> Any:
        if attrs["provider"] is None and attrs["escalation_email"] is not None:
            message = "A course without a proctoring provider has no escalation address."
            raise serializers.ValidationError({"escalation_email": [message]})
        return attrs


class ProviderSerializer(Data):
    """A vendor of proctoring."""

    name = serializers.CharField()
    verbose_name = serializers.CharField()
    lti_configuration_id = serializers.CharField()


class AccessTokenSerializer(Data):
    """A permission to see an exam's content, for the LMS."""

    exam_access_token = serializers.CharField(help_text="JWT that the LMS checks.")
    exam_access_token_expiration = serializers.IntegerField(help_text="Seconds.")


class CreateAttemptSerializer(Data):
    """A request for a new attempt."""

    exam_id = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER)
    start_clock = FlagField(required=False, default=False)


class AttemptActionSerializer(Data):
    """An action on an attempt."""

    action = TextField(
        max_length=64,
        help_text=f"Learners: {', '.join([*LearnerAction, RESET_ACTION])}. Staff: {', '.join(StaffAction)}.",
    )
    detail = TextField(
        required=False, allow_null=True, allow_blank=True, default="", help_text="With `error`: what went wrong."
    )


class AttemptIdSerializer(Data):
    """The id of the attempt that the request was about."""

    exam_attempt_id = serializers.IntegerField()


class EmptySerializer(Data):
    """An empty object."""


class StudentAttemptSerializer(Data):
    """An attempt as its learner sees it: `learner_shapes.student_attempt` makes it."""

    attempt_id = serializers.IntegerField()
    attempt_status = serializers.ChoiceField(
        choices=ExamAttemptStatus.choices,
        help_text="`submitted` for every finished attempt of a timed exam, and for what timed out or expired.",
    )
    course_id = serializers.CharField()
    exam_type = serializers.CharField()
    exam_display_name = serializers.CharField()
    exam_url_path = serializers.CharField(help_text="Where the learning interface shows the exam.")
    time_remaining_seconds = serializers.FloatField(help_text="0 where the clock does not run.")


class LearnersExamSerializer(ExamSerializer):
    """An exam as a learner sees it: `learner_shapes.learners_exam` makes it."""

    type = serializers.CharField()
    is_proctored = serializers.BooleanField()
    is_practice_exam = serializers.BooleanField()
    backend = serializers.CharField(allow_null=True, help_text="The proctoring provider's name for people.")
    passed_due_date = serializers.BooleanField(help_text="False while the learner's attempt is in progress.")
    total_time = serializers.IntegerField(
        help_text="Minutes that the learner would get on starting now, extra time included and not past the due date; "
        "for an attempt in progress, those that it has."
    )
    attempt = PolymorphicProxySerializer("AttemptOrNothing", [StudentAttemptSerializer, EmptySerializer], None)


class LearnersExamAnswerSerializer(Data):
    """An exam as a learner sees it, empty where there is none."""

    exam = PolymorphicProxySerializer("ExamOrNothing", [LearnersExamSerializer, EmptySerializer], None)


class ProviderSettingsSerializer(Data):
    """Contacts for a learner for whom proctoring does not work."""

    provider_tech_support_email = serializers.CharField(required=False, allow_null=True)
    provider_tech_support_phone = serializers.CharField(required=False, allow_null=True)
    provider_tech_support_url = serializers.CharField(required=False, allow_null=True)
    provider_name = serializers.CharField(required=False)
    proctoring_escalation_email = serializers.CharField(allow_null=True)


class AllowanceSerializer(Data):
    """A learner's extra time for an exam: `allowances.allowance_rows` makes it."""

    id = serializers.IntegerField()
    exam_id = serializers.IntegerField()
    user_id = serializers.IntegerField()
    extra_time_mins = serializers.IntegerField(help_text="Minutes that the allowance gives now.")
    username = serializers.CharField()
    exam_name = serializers.CharField()
    email = serializers.CharField(allow_blank=True)


class ExtraTimeSerializer(Data):
    """Extra time for a learner, named by username or e-mail address."""

    username = IdentifierField(required=False, allow_null=True, allow_blank=True, max_length=150)
    email = TextField(required=False, allow_null=True, allow_blank=True, max_length=254)
    exam_id = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER)
    extra_time_mins = MinutesField(help_text="Minutes; fractions are rounded up.")

    @override
    def validate(self, attrs: Any) -> Any:
        if not attrs.get("username") and not attrs.get("email"):
            message = "Name the learner by username or e-mail address."
            raise serializers.ValidationError({"username": [message]})
        return attrs


class ReviewSerializer(Data):
    """The proctoring tool's termination of an attempt."""

    submission_time = serializers.DateTimeField()
    severity = serializers.DecimalField(max_digits=3, decimal_places=2, allow_null=True)
    submission_reason = serializers.CharField(allow_null=True)


class IncidentSerializer(Data):
    """Another action or report of the proctoring tool."""

    action = serializers.CharField()
    incident_time = serializers.DateTimeField()
    severity = serializers.DecimalField(max_digits=3, decimal_places=2, allow_null=True)
    reason = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_null=True, help_text="The tool's own words.")
    extra_time_mins = serializers.IntegerField(allow_null=True, help_text="The total that an `update` granted.")


class InstructorAttemptSerializer(Data):
    """An attempt as the course team sees it."""

    attempt_id = serializers.IntegerField()
    attempt_status = serializers.ChoiceField(choices=ExamAttemptStatus.choices)
    start_time = serializers.DateTimeField(allow_null=True)
    end_time = serializers.DateTimeField(allow_null=True)
    allowed_time_limit_mins = serializers.IntegerField(allow_null=True)
    exam_id = serializers.IntegerField()
    exam_type = serializers.CharField()
    exam_display_name = serializers.CharField()
    username = serializers.CharField()
    proctored_review = ReviewSerializer(allow_null=True)
    incidents = IncidentSerializer(many=True, required=False, help_text="With `include=incidents` only.")


class InstructorAttemptsSerializer(Data):
    """A page of attempts."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = InstructorAttemptSerializer(many=True)


class AttemptsQuerySerializer(Data):
    """The query of a course team's list of attempts."""

    exam_id = serializers.IntegerField(
        required=False, help_text="All exams of the course where absent, retired instances included."
    )
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=MAX_INTEGER)
    offset = serializers.IntegerField(required=False, default=0, min_value=0, max_value=MAX_INTEGER)
    search = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=254, help_text="Part of a username or e-mail address."
    )
    status = serializers.ChoiceField(choices=ExamAttemptStatus.choices, required=False, allow_blank=True, default="")
    ordering = serializers.ChoiceField(
        choices=[sign + column for column in ORDERINGS for sign in ("", "-")],
        required=False,
        allow_blank=True,
        default="",
    )
    format = serializers.ChoiceField(choices=["json", "csv"], required=False, default="json")
    include = serializers.ChoiceField(choices=["incidents"], required=False, allow_blank=True, default="")
