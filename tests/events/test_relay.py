# SPDX-License-Identifier: AGPL-3.0-only
"""The relay: every committed outcome reaches the bus, in the order of its course, through every fault."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from openedx_events.learning.signals import EXAM_ATTEMPT_RESET, EXAM_ATTEMPT_SUBMITTED
from pytest_django import Settings

from edx_exams.apps.events import relay as relay_module
from edx_exams.apps.events.models import OutboxEvent, OutboxState, RelayLease
from edx_exams.apps.events.relay import PublisherStuck, Relay, pause_after
from tests.conftest import CountStatements
from tests.events.memory_bus import MemoryPublisher
from tests.events.owed import KEY_FIELD, course_id, due_now, owe, owe_many
from tests.factories import UserFactory, submitted_attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def bus() -> MemoryPublisher:
    return MemoryPublisher()


def relay_once(publisher: MemoryPublisher, **options: Any) -> Relay:
    relay = Relay(publisher, **options)
    assert relay.run_once()
    return relay


def row(event: OutboxEvent) -> OutboxEvent:
    return OutboxEvent.objects.get(pk=event.pk)


def take_lease_away() -> None:
    """As after a pause of the holder that was longer than its lease."""
    RelayLease.objects.update(expires=None)


def test_what_a_learner_submits_is_published_and_marked(bus: MemoryPublisher) -> None:
    attempt = submitted_attempt()
    relay_once(bus)
    [event] = bus.events
    stored = OutboxEvent.objects.get()
    assert event.data["exam_attempt"].student_user.id == attempt.user.lms_user_id
    assert stored.state == OutboxState.published
    assert stored.published_at is not None


def test_an_outcome_goes_to_each_topic_that_the_configuration_names(bus: MemoryPublisher, settings: Settings) -> None:
    config = {"event_key_field": KEY_FIELD, "enabled": True}
    topics = {"old": config, "new": config, "off": {**config, "enabled": False}}
    settings.EVENT_BUS_PRODUCER_CONFIG = {EXAM_ATTEMPT_SUBMITTED.event_type: topics}
    submitted_attempt()
    relay_once(bus)
    assert {event.topic for event in bus.events} == {"old", "new"}
    assert len({event.metadata.id for event in bus.events}) == 1


def test_what_is_disabled_is_not_owed_and_harms_nothing(bus: MemoryPublisher, settings: Settings) -> None:
    settings.EVENT_BUS_PRODUCER_CONFIG = {}
    attempt = submitted_attempt()
    relay_once(bus)
    assert attempt.status == "submitted"
    assert not OutboxEvent.objects.exists()


def test_id_time_and_minor_version_are_those_of_the_change(bus: MemoryPublisher) -> None:
    event = owe()
    event.metadata["minorversion"] = 3
    event.save()
    relay_once(bus)
    [sent] = bus.events
    assert sent.metadata.id == event.event_id
    assert sent.metadata.time == datetime.fromisoformat(event.metadata["time"])
    assert sent.metadata.minorversion == 3


def test_a_published_event_is_never_sent_again(bus: MemoryPublisher) -> None:
    owe()
    relay_once(bus)
    relay_once(bus)
    assert len(bus.events) == 1


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_each_course_keeps_its_order(bus: MemoryPublisher, batch: int) -> None:
    owe_many(courses=5, events=12)
    relay_once(bus, batch=batch)
    assert len(bus.events) == 60
    for course in map(course_id, range(5)):
        in_order = OutboxEvent.objects.filter(key=course).order_by("pk").values_list("event_id", flat=True)
        assert bus.ids(course) == [str(event_id) for event_id in in_order]


class TestWhenTheBusRefuses:
    @pytest.fixture
    def refuses_course_1(self, bus: MemoryPublisher) -> MemoryPublisher:
        bus.fails = lambda event: event.key == course_id(1)
        return bus

    def test_other_courses_go_on(self, refuses_course_1: MemoryPublisher) -> None:
        owe_many(courses=3, events=4)
        relay_once(refuses_course_1)
        assert len(refuses_course_1.ids(course_id(0))) == len(refuses_course_1.ids(course_id(2))) == 4

    def test_what_follows_in_the_course_is_held_back(self, refuses_course_1: MemoryPublisher) -> None:
        events = [owe(1), owe(1), owe(1)]
        relay_once(refuses_course_1)
        assert refuses_course_1.tries == 1
        assert [row(event).delivery_attempts for event in events] == [1, 0, 0]

    def test_a_course_with_many_events_does_not_hide_the_others(self, refuses_course_1: MemoryPublisher) -> None:
        owe_many(courses=2, events=60)
        OutboxEvent.objects.filter(key=course_id(0)).exclude(pk=OutboxEvent.objects.latest("pk").pk - 1).delete()
        relay_once(refuses_course_1, batch=10)
        assert len(refuses_course_1.ids(course_id(0))) == 1

    def test_the_error_and_the_next_try_are_there_to_be_seen(self, refuses_course_1: MemoryPublisher) -> None:
        event = owe(1)
        relay_once(refuses_course_1)
        stored = row(event)
        assert stored.last_error == "The bus is away"
        assert stored.next_try is not None
        assert timedelta(0) < stored.next_try - timezone.now() <= timedelta(seconds=1.1)

    def test_it_is_left_alone_until_then(self, refuses_course_1: MemoryPublisher) -> None:
        owe(1)
        relay_once(refuses_course_1)
        relay_once(refuses_course_1)
        assert refuses_course_1.tries == 1

    def test_it_arrives_in_order_when_the_bus_is_back(self, bus: MemoryPublisher) -> None:
        events = [owe(1), owe(1)]
        bus.fails = lambda _: True
        relay_once(bus)
        bus.fails = lambda _: False
        due_now()
        relay_once(bus)
        assert bus.ids(course_id(1)) == [str(event.event_id) for event in events]
        assert row(events[0]).last_error == ""

    @pytest.mark.parametrize(("failures", "seconds"), [(0, 1), (1, 2), (5, 32), (6, 60), (10_000, 60)])
    def test_pauses_double_up_to_a_minute(self, failures: int, seconds: float) -> None:
        assert pause_after(failures) == seconds


class TestWhatCanNeverBeSent:
    BROKEN: tuple[Callable[[OutboxEvent], None], ...] = (
        lambda event: setattr(event, "event_type", "org.openedx.nothing.v1"),
        lambda event: event.data.clear(),
        lambda event: event.data["exam_attempt"].update(course_key="no key, learner@example.com"),
        lambda event: event.data["exam_attempt"]["student_user"].update(id="learner@example.com"),
        lambda event: event.metadata.update(time="learner@example.com"),
        lambda event: event.metadata.update(unknown=1),
    )

    @pytest.mark.parametrize("broken", BROKEN)
    def test_it_fails_and_its_course_goes_on(self, bus: MemoryPublisher, broken: Callable[[OutboxEvent], None]) -> None:
        event, later = owe(1), owe(1)
        broken(event)
        event.save()
        relay = relay_once(bus)
        assert row(event).state == OutboxState.failed
        assert bus.ids(course_id(1)) == [str(later.event_id)]
        assert relay.counts[OutboxState.failed] == 1

    @pytest.mark.parametrize("broken", BROKEN)
    def test_the_reason_names_nobody(
        self, bus: MemoryPublisher, broken: Callable[[OutboxEvent], None], caplog: pytest.LogCaptureFixture
    ) -> None:
        event = owe(1)
        broken(event)
        event.save()
        relay_once(bus)
        assert row(event).last_error
        assert "@" not in row(event).last_error + caplog.text


class TestPeopleWithoutLMSUserId:
    def test_they_hold_up_nobody(self, bus: MemoryPublisher) -> None:
        unknown = owe(1, learner=UserFactory.create(lms_user_id=None))
        later = owe(1)
        relay_once(bus)
        assert row(unknown).state == OutboxState.waiting
        assert bus.ids(course_id(1)) == [str(later.event_id)]

    def test_their_events_leave_when_the_id_is_known(self, bus: MemoryPublisher) -> None:
        learner = UserFactory.create(lms_user_id=None)
        event = owe(1, learner=learner)
        relay_once(bus)
        learner.lms_user_id = 4711
        learner.save()
        relay_once(bus)
        [sent] = bus.events
        assert sent.data["exam_attempt"].student_user.id == 4711
        assert row(event).state == OutboxState.published

    def test_what_waited_leaves_before_what_they_did_since(self, bus: MemoryPublisher) -> None:
        learner = UserFactory.create(lms_user_id=None)
        submitted = owe(1, learner=learner)
        relay = Relay(bus)
        relay.run_iteration()
        learner.lms_user_id = 4711
        learner.save()
        reset = owe(1, learner=learner, requesting_user=learner, signal=EXAM_ATTEMPT_RESET)
        assert (row(submitted).state, row(reset).state) == (OutboxState.waiting, OutboxState.pending)
        relay.run_once()
        assert bus.ids(course_id(1)) == [str(submitted.event_id), str(reset.event_id)]

    def test_whoever_asked_for_a_reset_without_an_id_is_replaced_by_the_learner(self, bus: MemoryPublisher) -> None:
        learner, staff = UserFactory.create(), UserFactory.create(lms_user_id=None)
        owe(1, learner=learner, requesting_user=staff, signal=EXAM_ATTEMPT_RESET)
        relay_once(bus)
        assert bus.events[0].data["exam_attempt"].requesting_user.id == learner.lms_user_id


class TestOneRelayAtATime:
    def test_a_spare_sends_nothing(self, bus: MemoryPublisher) -> None:
        active, standby = Relay(MemoryPublisher()), Relay(bus)
        active.run_iteration()
        owe()
        assert not standby._lease.acquire()
        assert bus.tries == 0

    def test_a_relay_that_ends_lets_a_spare_begin_at_once(self, bus: MemoryPublisher) -> None:
        relay_once(MemoryPublisher())
        owe()
        standby = Relay(bus)
        assert standby._lease.acquire()

    def test_a_lease_that_ran_out_is_still_ours_if_nobody_took_it(self, bus: MemoryPublisher) -> None:
        relay = Relay(bus)
        relay.run_iteration()
        take_lease_away()
        relay._lease.renew()
        assert not Relay(bus)._lease.acquire()

    def test_a_relay_that_was_taken_for_dead_notes_and_sends_nothing_more(self) -> None:
        events = [owe(1), owe(1)]
        paused_bus, bus = MemoryPublisher(holds=True), MemoryPublisher()
        paused, successor = Relay(paused_bus), Relay(bus)
        paused.run_iteration()
        take_lease_away()
        successor.run_iteration()
        paused_bus.acknowledge()
        before = list(OutboxEvent.objects.values())
        paused.run_iteration()
        assert list(OutboxEvent.objects.values()) == before
        assert paused_bus.tries == 1
        successor.run_once()
        assert bus.ids(course_id(1)) == [str(event.event_id) for event in events]

    def test_what_is_not_sent_yet_is_not_sent_after_the_lease_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        owe(1)
        bus = MemoryPublisher(holds=True)
        relay = Relay(bus)
        relay.run_iteration()
        monkeypatch.setattr(relay._lease, "_send_until", time.monotonic())
        bus.acknowledge()
        assert bus.events == []


class TestTheDatabase:
    @pytest.fixture
    def fails(self) -> Iterator[threading.Event]:
        """Set: whoever writes to the outbox learns that the database is away."""
        away = threading.Event()

        def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
            if away.is_set() and sql.startswith('UPDATE "events_outboxevent"'):
                message = "server has gone away"
                raise OperationalError(message)
            return run(sql, *arguments)

        with connection.execute_wrapper(execute):
            yield away

    @pytest.mark.django_db(transaction=True)
    def test_what_was_acknowledged_while_it_was_away_is_noted_later_and_not_sent_again(
        self, bus: MemoryPublisher, fails: threading.Event
    ) -> None:
        event = owe()
        relay = Relay(bus)
        fails.set()
        relay.run_iteration()
        with pytest.raises(OperationalError):
            relay.run_iteration()
        fails.clear()
        relay.run_iteration()
        assert row(event).state == OutboxState.published
        assert len(bus.events) == 1

    def test_nothing_owed_costs_one_statement_a_look(self, bus: MemoryPublisher, at_most: CountStatements) -> None:
        relay = Relay(bus, interval=0.01)
        relay.run_iteration()
        with at_most(1):
            relay.run_iteration()

    @pytest.mark.parametrize(("courses", "events"), [(1, 60), (60, 3), (200, 1)])
    def test_a_backlog_costs_at_most_three_statements_an_event(
        self, bus: MemoryPublisher, courses: int, events: int, at_most: CountStatements
    ) -> None:
        owe_many(courses, events)
        with at_most(3 * courses * events):
            relay_once(bus)
        assert len(bus.events) == courses * events

    def test_what_was_published_long_ago_is_purged_and_nothing_else(
        self, bus: MemoryPublisher, settings: Settings
    ) -> None:
        settings.EVENT_OUTBOX_RETENTION_DAYS = 10
        old, recent, failed = owe(1), owe(1), owe(1)
        long_ago = timezone.now() - timedelta(days=11)
        OutboxEvent.objects.filter(pk=old.pk).update(state=OutboxState.published, published_at=long_ago)
        OutboxEvent.objects.filter(pk=failed.pk).update(state=OutboxState.failed, created=long_ago)
        relay_once(bus)
        assert set(OutboxEvent.objects.values_list("pk", flat=True)) == {recent.pk, failed.pk}


class TestItsEnd:
    def test_it_waits_for_what_is_under_way(self) -> None:
        event = owe()
        bus = MemoryPublisher(holds=True)
        relay = Relay(bus)
        relay.run_iteration()
        relay.stop()
        late = threading.Timer(0.2, bus.acknowledge)
        late.start()
        relay.run()
        late.join()
        assert row(event).state == OutboxState.published

    def test_it_lets_the_lease_go(self, bus: MemoryPublisher) -> None:
        relay_once(bus)
        assert RelayLease.objects.get().expires is None

    def test_a_publisher_that_never_answers_ends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(relay_module, "_STUCK_SECONDS", 0.0)
        owe()
        relay = Relay(MemoryPublisher(holds=True))
        relay.run_iteration()
        with pytest.raises(PublisherStuck):
            relay.run()


def test_the_data_of_an_event_is_the_same_after_its_way_through_the_outbox(bus: MemoryPublisher) -> None:
    event = owe()
    relay_once(bus)
    [sent] = bus.events
    assert str(sent.data["exam_attempt"].course_key) == event.data["exam_attempt"]["course_key"]
    assert sent.data["exam_attempt"].requesting_user is None
    assert sent.metadata.time.tzinfo == UTC
    assert json.dumps(row(event).data) == json.dumps(event.data)
