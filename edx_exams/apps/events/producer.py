# SPDX-License-Identifier: AGPL-3.0-only
"""The producer that openedx-events calls: it stores the event in the transaction of the change."""

from collections.abc import Iterator
from typing import Any, override

import attrs
from django.utils import timezone
from openedx_events.data import EventsMetadata
from openedx_events.event_bus import EventBusProducer
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer
from openedx_events.learning.data import UserData
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.core.models import User
from edx_exams.apps.events.models import OutboxEvent, OutboxState


class OutboxProducer(EventBusProducer):
    """
    Stores events instead of sending them.

    No request waits for the bus, no event leaves for a change that is rolled back, and none is lost for one that is
    committed. `relay_events` sends what is stored.
    """

    @override
    def send(
        self,
        *,
        signal: OpenEdxPublicSignal,
        topic: str,
        event_key_field: str,
        event_data: dict[str, Any],
        event_metadata: EventsMetadata,
    ) -> None:
        """
        Store an event for the relay.

        :param topic: without the environment's prefix, which is the relay's
        :param event_key_field: path of the event's key in its data, as `exam_attempt.course_key`
        """
        known, unknown_users = _with_known_ids(event_data)
        OutboxEvent.objects.create(
            event_id=event_metadata.id,
            event_type=signal.event_type,
            topic=topic,
            key_field=event_key_field,
            key=str(_value_at(event_data, event_key_field)),
            data=AvroSignalSerializer(signal).to_dict(known),
            metadata=_metadata(event_metadata),
            unknown_users=unknown_users,
            state=OutboxState.waiting if unknown_users else OutboxState.pending,
            created=timezone.now(),
        )


def _value_at(event_data: dict[str, Any], path: str) -> Any:
    """Return the value at a path of names separated by dots."""
    first, *others = path.split(".")
    value = event_data[first]
    for name in others:
        value = getattr(value, name)
    return value


def _metadata(metadata: EventsMetadata) -> dict[str, Any]:
    """Return the metadata as JSON values; times are ISO 8601."""
    return {
        **attrs.asdict(metadata),
        "id": str(metadata.id),
        "time": metadata.time.isoformat(),
        "sourcelib": list(metadata.sourcelib),
    }


def _with_known_ids(event_data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """
    Return the event's data with a local user id wherever a person's LMS user id is unknown.

    The platform's schema demands LMS ids, which staff who came by another way than a token may lack. Someone who asked
    for a reset is then replaced by the learner, whom the LMS knows; a learner is waited for.

    :returns: the data, and the local ids by their place in it
    """
    known, unknown_users = dict(event_data), {}
    for name, value in event_data.items():
        if not attrs.has(type(value)):
            continue
        if "requesting_user" in dict(_people_without_id(value)):
            known[name] = attrs.evolve(value, requesting_user=value.student_user)
        for place, person in _people_without_id(known[name]):
            local_id = User.objects.values_list("pk", flat=True).get(username=person.pii.username)
            known[name] = attrs.evolve(known[name], **{place: attrs.evolve(person, id=local_id)})
            unknown_users[f"{name}.{place}"] = local_id
    return known, unknown_users


def _people_without_id(value: Any) -> Iterator[tuple[str, UserData]]:
    for attribute in attrs.fields(type(value)):
        person = getattr(value, attribute.name)
        if isinstance(person, UserData) and person.id is None:
            yield attribute.name, person
