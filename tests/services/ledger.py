# SPDX-License-Identifier: AGPL-3.0-only
"""The changes in the database, compared with the messages on Kafka."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast
from uuid import uuid4

from confluent_kafka import Consumer, Message, TopicPartition
from openedx_events.event_bus.avro.deserializer import deserialize_bytes_to_event_data
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.core.models import ExamAttempt
from tests.services.bus import BROKER_SECONDS, Bus
from tests.services.databases import Database
from tests.services.invariants import DELETED, OWED_ON_DELETING, OWED_ON_ENTERING
from tests.services.kafka import PARTITIONS

PREFIX: Final = "faults"
TOPIC: Final = f"{PREFIX}-learning-exam-attempt-lifecycle"
#: Before the Avro: a zero and the schema's id.
_FRAME: Final = 5


class Outcome(NamedTuple):
    """The end of a learner's attempt. No learner of these has the same outcome twice."""

    course: str
    learner: str
    event: str


class Told(NamedTuple):
    """A message of the topic."""

    event_id: str
    outcome: Outcome
    content: tuple[Any, ...]


@dataclass(frozen=True)
class Balance:
    """The events that were owed, compared with those that were published."""

    committed: int
    messages: int
    lost: list[Outcome]
    phantom: list[Outcome]
    #: Messages that are another's exact repetition.
    duplicates: int
    #: Ids under which different things were told.
    ambiguous: int
    #: How often a course's events came in another order than they happened.
    disorder: int

    @property
    def is_sound(self) -> bool:
        """Check whether everything is there once or more often, nothing else is, and in order."""
        return not (self.lost or self.phantom or self.ambiguous or self.disorder)


class Ledger:
    """Both sides from now on."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._places = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        with_offsets = self._consumer()
        for place in self._places:
            place.offset = with_offsets.get_watermark_offsets(place, timeout=BROKER_SECONDS)[1]
        with_offsets.close()
        newest = ExamAttempt.history.using(database.alias).order_by("-history_id").first()
        self._begin = newest.history_id if newest else 0

    def committed(self) -> list[Outcome]:
        """Read the events that the history of attempts owes, in its order."""
        status: dict[int, str] = {}
        owed = []
        rows = ExamAttempt.history.using(self._database.alias).filter(history_id__gt=self._begin)
        for row in rows.select_related("exam", "user").order_by("history_id"):
            event = OWED_ON_DELETING if row.history_type == DELETED else None
            if event is None and status.get(row.id) != row.status:
                event = OWED_ON_ENTERING.get(row.status)
            status[row.id] = row.status
            if event:
                owed.append(Outcome(row.exam.course_id, row.user.username, event))
        return owed

    def told(self) -> list[Told]:
        """All messages, those of a course in their order."""
        consumer = self._consumer()
        try:
            consumer.assign(self._places)
            ends = [consumer.get_watermark_offsets(place, timeout=BROKER_SECONDS)[1] for place in self._places]
            missing = sum(end - place.offset for end, place in zip(ends, self._places, strict=True))
            messages: list[Message] = []
            while len(messages) < missing:
                batch = consumer.consume(num_messages=min(500, missing - len(messages)), timeout=BROKER_SECONDS)
                assert batch, f"{len(messages)} of {missing} messages"
                messages += batch
        finally:
            consumer.close()
        return [_told(message) for message in sorted(messages, key=lambda message: message.offset() or 0)]

    def balance(self, late: Collection[str] = ()) -> Balance:
        """
        Compare both sides.

        :param late: user names of learners whose events had to wait and hold up nobody: only their own order counts
        """
        committed, told = self.committed(), self.told()
        assert len(set(committed)) == len(committed), "a learner has one outcome twice"
        contents = defaultdict(set)
        arrived: dict[str, Outcome] = {}
        for message in told:
            contents[message.event_id].add((message.outcome, message.content))
            arrived.setdefault(message.event_id, message.outcome)
        first = list(arrived.values())
        owed, there = Counter(committed), Counter(first)
        return Balance(
            committed=len(committed),
            messages=len(told),
            lost=list((owed - there).elements()),
            phantom=list((there - owed).elements()),
            duplicates=len(told) - len(first),
            ambiguous=sum(len(several) > 1 for several in contents.values()),
            disorder=_disorder(committed, first, late),
        )

    def _consumer(self) -> Consumer:
        return Consumer(
            {"bootstrap.servers": self._bus.kafka.address, "group.id": uuid4().hex, "enable.auto.commit": False}
        )


def _disorder(committed: Iterable[Outcome], told: Iterable[Outcome], late: Collection[str]) -> int:
    """Count the messages that came before an earlier one, of one course, or of one late learner."""
    place = {outcome: number for number, outcome in enumerate(committed)}
    lines: dict[str, list[int]] = defaultdict(list)
    for outcome in told:
        if outcome in place:
            lines[outcome.learner if outcome.learner in late else outcome.course].append(place[outcome])
    return sum(before > after for line in lines.values() for before, after in pairwise(line))


def _told(message: Message) -> Told:
    pairs = cast("list[tuple[str, bytes]]", message.headers() or [])
    headers = {name: value.decode() for name, value in pairs}
    signal = OpenEdxPublicSignal.get_signal_by_type(headers["ce_type"])
    value = cast(bytes, message.value())
    attempt = deserialize_bytes_to_event_data(value[_FRAME:], signal)["exam_attempt"]
    outcome = Outcome(str(attempt.course_key), attempt.student_user.pii.username, headers["ce_type"])
    return Told(headers["ce_id"], outcome, (message.partition(), message.key(), value, tuple(sorted(headers.items()))))
