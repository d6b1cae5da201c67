# SPDX-License-Identifier: AGPL-3.0-only
"""The relay on a real Redis through faults: no event is lost, made up or out of order; repeated ones keep their id."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from django.db import connections, transaction

from edx_exams.apps.events.models import OutboxEvent, RelayLease
from tests.events.owed import TOPIC, unsaved
from tests.services.databases import Database
from tests.services.mariadb import MariaDB
from tests.services.redis import Redis
from tests.services.relays import Fleet, RelayProcess, unsent
from tests.services.waiting import wait_until

pytest.importorskip("edx_event_bus_redis", reason="edx-event-bus-redis is installed in production alone")

pytestmark = [pytest.mark.bus, pytest.mark.services]

COURSES: Final = 20
#: Events of each course that are recorded before, during and after the fault.
EVENTS: Final = 10


class Scene:
    """A relay, its database and its Redis, each of which may fail."""

    def __init__(self, database: Database, mariadb: MariaDB, redis: Redis, relays: Fleet) -> None:
        self.database, self.mariadb, self.redis, self.relays = database, mariadb, redis, relays

    def record(self) -> None:
        """Commit some events, and roll some back."""
        alias = self.database.alias
        OutboxEvent.objects.using(alias).bulk_create(unsaved(COURSES, EVENTS), batch_size=500)
        with transaction.atomic(using=alias):
            OutboxEvent.objects.using(alias).bulk_create(unsaved(COURSES, 1))
            transaction.set_rollback(True, using=alias)

    def active(self) -> RelayProcess:
        """Return the relay that has the lease."""
        wait_until(lambda: self.relays.active is not None, "a relay has the lease")
        active = self.relays.active
        assert active is not None
        return active

    def arrived(self) -> list[str]:
        """Ids of the events in the stream, in its order."""
        return [fields[b"id"].decode() for fields in self.redis.entries(TOPIC)]


@pytest.fixture
def scene(frail_database: Database, frail_mariadb: MariaDB, tmp_path: Path) -> Iterator[Scene]:
    for model in (OutboxEvent, RelayLease):
        model.objects.using(frail_database.alias).all().delete()
    redis = Redis(tmp_path, "--appendonly", "yes", "--appendfsync", "always")
    redis.start()
    relays = Fleet(frail_database, tmp_path / "relays.log", {"EXAMS_TEST_REDIS": redis.url})
    yield Scene(frail_database, frail_mariadb, redis, relays)
    relays.kill_all()
    redis.signal(signal.SIGCONT)
    redis.stop()


def redis_is_down(scene: Scene) -> None:
    scene.redis.stop()
    scene.record()
    time.sleep(3)
    scene.redis.start()


def redis_hangs(scene: Scene) -> None:
    scene.redis.signal(signal.SIGSTOP)
    scene.record()
    time.sleep(7)
    scene.redis.signal(signal.SIGCONT)


def redis_is_full(scene: Scene) -> None:
    scene.redis.client.config_set("maxmemory", 1)
    scene.record()
    time.sleep(3)
    scene.redis.client.config_set("maxmemory", 0)


def the_relay_is_killed(scene: Scene) -> None:
    for _ in range(3):
        scene.record()
        time.sleep(0.3)
        scene.relays.kill(scene.active())
        scene.relays.add()


def two_relays_work(scene: Scene) -> None:
    scene.relays.have(2)
    scene.record()
    active = scene.active()
    active.send_signal(signal.SIGSTOP)
    time.sleep(8)
    active.send_signal(signal.SIGCONT)


def the_database_restarts(scene: Scene) -> None:
    scene.record()
    scene.mariadb.stop()
    time.sleep(2)
    scene.mariadb.start()
    connections[scene.database.alias].close()


@pytest.mark.parametrize(
    "fault",
    [redis_is_down, redis_hangs, redis_is_full, the_relay_is_killed, two_relays_work, the_database_restarts],
)
def test_every_committed_event_arrives_in_the_order_of_its_course(fault: Callable[[Scene], None], scene: Scene) -> None:
    scene.record()
    scene.relays.have(1)
    fault(scene)
    scene.record()
    wait_until(lambda: unsent(scene.database) == 0, "everything is sent", 120)
    arrived = scene.arrived()
    rows = OutboxEvent.objects.using(scene.database.alias).order_by("pk").values_list("key", "event_id")
    by_course: dict[str, list[str]] = {}
    for key, event_id in rows:
        by_course.setdefault(key, []).append(str(event_id))
    committed = {event_id for ids in by_course.values() for event_id in ids}
    assert committed - set(arrived) == set(), "lost"
    assert set(arrived) - committed == set(), "phantom"
    first_arrivals = dict.fromkeys(arrived)
    for ids in by_course.values():
        assert [event_id for event_id in first_arrivals if event_id in set(ids)] == ids
    print(f"{fault.__name__}: {len(committed)} events, {len(arrived) - len(committed)} repeated")
