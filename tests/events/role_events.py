# SPDX-License-Identifier: AGPL-3.0-only
"""Events of course roles, as the LMS makes them and as they are on the wire."""

import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from confluent_kafka.serialization import MessageField, SerializationContext
from edx_event_bus_kafka.internal.producer import get_serializers
from edx_event_bus_kafka.internal.utils import _get_headers_from_metadata
from opaque_keys.edx.keys import CourseKey
from openedx_events.data import EventsMetadata
from openedx_events.learning.data import CourseAccessRoleData, UserData, UserPersonalData
from openedx_events.learning.signals import COURSE_ACCESS_ROLE_ADDED, COURSE_ACCESS_ROLE_REMOVED
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.events.incoming import Incoming
from tests.factories import COURSE_ID

TOPIC: Final = "learning-course-access-role-lifecycle"
KEY_FIELD: Final = "course_access_role_data.course_key"
NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class RoleEvent:
    """
    Someone's role in a course, given or taken.

    :param minute: of the hour after noon, when the LMS did it
    """

    signal: OpenEdxPublicSignal
    username: str = "ada"
    role: str = "staff"
    course_id: str = COURSE_ID
    email: str = "ada@example.com"
    lms_user_id: int = 0
    minute: int = 0
    event_id: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        """Give each name an id of its own, unless one was given; Ada's is 77."""
        if not self.lms_user_id:
            known = 77 if self.username == "ada" else 100_000 + zlib.crc32(self.username.encode()) % 100_000
            object.__setattr__(self, "lms_user_id", known)

    @property
    def data(self) -> dict[str, Any]:
        pii = UserPersonalData(username=self.username, email=self.email, name="Ada Example")
        role = CourseAccessRoleData(
            user=UserData(id=self.lms_user_id, is_active=True, pii=pii),
            org_key="Acme",
            course_key=CourseKey.from_string(self.course_id),
            role=self.role,
        )
        return {"course_access_role_data": role}

    @property
    def metadata(self) -> EventsMetadata:
        return EventsMetadata(
            event_type=self.signal.event_type, id=self.event_id, time=NOON + timedelta(minutes=self.minute)
        )

    def arrive(self) -> None:
        """Come to the receivers as from the bus, where every failure counts."""
        self.signal.send_event_with_custom_metadata(self.metadata, send_robust=False, **self.data)

    def value(self, topic: str = TOPIC, *, data: dict[str, Any] | None = None, key_field: str = KEY_FIELD) -> bytes:
        """The data as edx-event-bus-kafka writes it, its schema registered."""
        _, serializer = get_serializers(self.signal, key_field)
        content: bytes = serializer(data or self.data, SerializationContext(topic, MessageField.VALUE))
        return content

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return list(_get_headers_from_metadata(self.metadata).items())

    def incoming(self, offset: int = 0, **instead: Any) -> Incoming:
        """The message that the consumer gets; some of it may be something else instead."""
        value = instead.pop("value") if "value" in instead else self.value()
        message = Incoming(TOPIC, 0, offset, self.course_id.encode(), value, tuple(self.headers), NOON)
        return replace(message, **instead)


def added(**fields: Any) -> RoleEvent:
    return RoleEvent(COURSE_ACCESS_ROLE_ADDED, **fields)


def removed(**fields: Any) -> RoleEvent:
    return RoleEvent(COURSE_ACCESS_ROLE_REMOVED, **fields)
