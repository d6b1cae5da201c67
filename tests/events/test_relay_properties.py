# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever fails, and whenever: nothing is lost, nothing is made up, and each course's order holds."""

import random
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edx_exams.apps.events.models import OutboxEvent, OutboxState, RelayLease
from edx_exams.apps.events.publishers.base import RelayedEvent
from edx_exams.apps.events.relay import Relay
from tests.events.memory_bus import Crash, CrashingPublisher
from tests.events.owed import course_id, due_now, owe_many
from tests.sampling import examples

pytestmark = pytest.mark.django_db

COURSES, EVENTS = 3, 4
#: Lives of relays after which the bus works, so that each run ends.
TROUBLED_LIVES = 10


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    refused=st.floats(0, 0.9),
    crashing=st.floats(0, 0.5),
    batch=st.integers(1, COURSES * EVENTS),
)
@pytest.mark.exhaustive
def test_each_course_arrives_whole_and_in_order_through_refusals_and_crashes(
    seed: int, refused: float, crashing: float, batch: int
) -> None:
    OutboxEvent.objects.all().delete()
    owe_many(COURSES, EVENTS)
    chance = random.Random(seed)  # noqa: S311  (no secret)
    lives = 0

    def happens(likelihood: float) -> bool:
        return lives < TROUBLED_LIVES and chance.random() < likelihood

    bus = CrashingPublisher(crashes=lambda _: happens(crashing), fails=lambda _: happens(refused))
    while OutboxEvent.objects.filter(state=OutboxState.pending).exists():
        lives += 1
        due_now()
        try:
            Relay(bus, batch=batch).run_once()
        except Crash:
            RelayLease.objects.update(expires=None)  # it runs out

    assert not OutboxEvent.objects.exclude(state=OutboxState.published).exists()
    for course in map(course_id, range(COURSES)):
        owed = [str(event_id) for event_id in OutboxEvent.objects.filter(key=course).values_list("event_id", flat=True)]
        sent = bus.ids(course)
        assert _without_repetition(sent) == owed
        # A crash repeats at most the one event of a course that was under way, so a repetition follows its original.
        assert all(owed.index(later) - owed.index(earlier) in {0, 1} for earlier, later in pairwise(sent))


def _without_repetition(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(ids))


def test_the_memory_bus_says_what_it_has() -> None:
    """The property above rests on it."""
    event_ids: list[str] = []
    bus = CrashingPublisher(crashes=lambda _: False, fails=lambda event: _note(event_ids, event))
    owe_many(1, 2)
    Relay(bus).run_once()
    assert bus.ids(course_id(0)) == event_ids


def _note(ids: list[str], event: RelayedEvent) -> bool:
    ids.append(str(event.metadata.id))
    return False
