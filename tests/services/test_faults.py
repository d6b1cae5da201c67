# SPDX-License-Identifier: AGPL-3.0-only
"""
Everything that can break does, while learners take exams: no event is lost, made up or out of order, nobody waits.

`make test-faults`. By default each fault comes once and lasts for seconds. In full, which takes hours:
`EXAMS_TEST_FAULT_SECONDS=60 EXAMS_TEST_FAULT_KILLS=20 EXAMS_TEST_FAULT_RUNS=3`.
"""

import json
import math
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connections, transaction

from edx_exams.apps.events.models import OutboxEvent, OutboxState
from tests.services.bus import Bus
from tests.services.courses import Exam
from tests.services.databases import Database
from tests.services.faults import Faults
from tests.services.ledger import PREFIX, TOPIC, Ledger
from tests.services.load import Load, exams_for_load, latency
from tests.services.mariadb import MariaDB
from tests.services.relays import Fleet, RelayProcess, unsent
from tests.services.server import Service
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.bus]

#: How long the broker is down; other outages last for a part of it.
SECONDS: Final = float(os.environ.get("EXAMS_TEST_FAULT_SECONDS", "4"))
#: How often a relay is killed.
KILLS: Final = int(os.environ.get("EXAMS_TEST_FAULT_KILLS", "2"))
RUNS: Final = int(os.environ.get("EXAMS_TEST_FAULT_RUNS", "1"))

COURSES: Final = 20
#: Attempts of each scenario at least, and those of them before its fault begins, which say what is healthy.
ATTEMPTS: Final = 300
HEALTHY_ATTEMPTS: Final = 100
WORKERS: Final = 4
#: Seconds within which a standby is at work after the active relay was killed.
TAKE_OVER_SECONDS: Final = 10.0
#: Seconds that the median request takes only if requests wait for the bus. How much slower it is, the table says: a
#: ratio of two medians is noise where the same two processors run all of this.
WAITING_SECONDS: Final = 1.0
#: Seconds after which a request counts as hanging.
HANGING_SECONDS: Final = 10.0
#: Seconds until everything has been sent after the fault: the longest pause of a course, and some.
DRAIN_SECONDS: Final = 90.0

#: Every fifth INSERT into the outbox fails, as one would for a full disk.
FAILING_INSERTS: Final = """
DELIMITER |
CREATE TRIGGER fail_inserts BEFORE INSERT ON events_outboxevent FOR EACH ROW
IF RAND() < 0.2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'The table is full'; END IF|
"""


@dataclass
class Stage:
    """The services that can be broken, and the load on them."""

    bus: Bus
    server: MariaDB
    database: Database
    service: Service
    relays: Fleet
    exams: list[Exam]
    load: Load = field(init=False)
    notes: list[str] = field(default_factory=list)
    #: When the outage was over, monotonic seconds: a server that starts takes both processors, and that is our doing.
    mending_began: float | None = None

    def mend(self, start: Callable[[], None]) -> None:
        """Start what was down."""
        self.mending_began = time.monotonic()
        start()

    @property
    def outbox(self) -> Any:
        return OutboxEvent.objects.using(self.database.alias)


Fault = Callable[[Stage], None]


@dataclass(frozen=True)
class Scenario:
    """
    One way to break things.

    :param fault: breaks something and mends it
    :param relays: how many of them there are
    :param load: arguments of the load
    """

    fault: Fault
    relays: int = 1
    load: dict[str, int] = field(default_factory=dict)


def nothing(stage: Stage) -> None:
    stage.load.wait_for(ATTEMPTS)


def broker_down(stage: Stage) -> None:
    stage.bus.kafka.stop()
    time.sleep(SECONDS)
    stage.mend(stage.bus.kafka.start)


def broker_hanging(stage: Stage) -> None:
    stage.bus.kafka.freeze()
    time.sleep(SECONDS / 2)
    stage.bus.kafka.thaw()


def registry_down(stage: Stage) -> None:
    # A relay asks for each schema once in its life: it is a new one that the outage meets.
    stage.bus.registry.stop()
    try:
        _replace_relay(stage)
        time.sleep(SECONDS / 2)
    finally:
        stage.mend(stage.bus.registry.start)


def registry_hanging(stage: Stage) -> None:
    stage.bus.registry.freeze()
    try:
        _replace_relay(stage)
        time.sleep(SECONDS / 2)
    finally:
        stage.bus.registry.thaw()


def relay_killed(stage: Stage) -> None:
    """Again and again: at any moment, or between an acknowledgement and its being noted."""
    chance = random.Random(20261123)  # noqa: S311  (no secret)
    for number in range(KILLS):
        wait_until(lambda: stage.relays.active is not None, "a relay is at work")
        if number % 2:
            _kill_before_it_notes(stage)
        else:
            time.sleep(chance.uniform(0, 1))
            stage.relays.kill(_active(stage))
        stage.relays.add()
    stage.notes.append(f"{KILLS} kills")


def active_relay_killed(stage: Stage) -> None:
    """A standby takes over, and another comes in its place."""
    took = []
    for _ in range(max(KILLS // 2, 2)):
        stage.relays.kill(_active(stage))
        began = time.monotonic()
        wait_until(lambda: stage.relays.active is not None, "a standby has the lease")
        sent = _published(stage)
        wait_until(lambda: _published(stage) > sent, "the standby sends")  # noqa: B023
        took.append(time.monotonic() - began)
        stage.relays.add()
    stage.notes.append("take-over: " + ", ".join(f"{seconds:.1f}" for seconds in took) + " s")
    assert max(took) < TAKE_OVER_SECONDS


def database_restarted(stage: Stage) -> None:
    stage.server.stop()
    time.sleep(SECONDS / 8)
    stage.server.start()
    connections[stage.database.alias].close()  # ours broke too


def workers_killed(stage: Stage) -> None:
    chance = random.Random(20261123)  # noqa: S311  (no secret)
    kills = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.2)
        os.kill(chance.choice(_workers(stage.service)), signal.SIGKILL)
        kills += 1
    stage.notes.append(f"{kills} kills")


def inserts_failing(stage: Stage) -> None:
    name = stage.database.environment["EXAMS_TEST_NAME"]
    stage.server.execute(FAILING_INSERTS, name)
    try:
        stage.load.wait_for(ATTEMPTS)
    finally:
        stage.server.execute("DROP TRIGGER fail_inserts", name)
    assert stage.load.count(503), "none failed"


def ids_unknown(stage: Stage) -> None:
    stage.load.wait_for(ATTEMPTS)
    stage.notes.append(f"{len(stage.load.late)} learners unknown")


def rolled_back(stage: Stage) -> None:
    stage.load.wait_for(ATTEMPTS)
    stage.notes.append(f"{stage.load.rolled_back} rolled back")
    assert stage.load.rolled_back


SCENARIOS: Final = {
    "nothing": Scenario(nothing),
    "broker down": Scenario(broker_down),
    "broker hanging": Scenario(broker_hanging),
    "registry down": Scenario(registry_down),
    "registry hanging": Scenario(registry_hanging),
    "relay killed": Scenario(relay_killed),
    "active of two relays killed": Scenario(active_relay_killed, relays=2),
    "active of three relays killed": Scenario(active_relay_killed, relays=3),
    "database restarted": Scenario(database_restarted),
    "API workers killed": Scenario(workers_killed),
    "INSERT into outbox failing": Scenario(inserts_failing),
    "LMS user ids unknown": Scenario(ids_unknown, load={"late_every": 7}),
    "rolled back after the event": Scenario(rolled_back, load={"rolled_back_every": 3}),
}


@pytest.fixture(scope="module")
def database(frail_database: Database) -> Database:
    """With what makes a service roll back on demand."""
    return replace(frail_database, environment={**frail_database.environment, "EXAMS_TEST_ROLL_BACK": "yes"})


@pytest.fixture(scope="module")
def service(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(database, tmp_path_factory.mktemp("service") / "log", workers=WORKERS)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def relays(database: Database, bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    bus.create_topic(TOPIC)
    options = {"EXAMS_TEST_TOPIC_PREFIX": PREFIX, **bus.environment}
    if SECONDS < 20:  # or none would notice a broker that is away for so short a time
        options["EXAMS_TEST_RELAY_OPTIONS"] = json.dumps({"delivery.timeout.ms": 1500})
    fleet = Fleet(database, tmp_path_factory.mktemp("relays") / "log", options)
    yield fleet
    fleet.kill_all()


@pytest.fixture(scope="module")
def exams(service: Service) -> list[Exam]:
    return exams_for_load(service, COURSES)


@pytest.fixture
def stage(
    bus: Bus, frail_mariadb: MariaDB, database: Database, service: Service, *, relays: Fleet, exams: list[Exam]
) -> Stage:
    connections[database.alias].close()
    OutboxEvent.objects.using(database.alias).exclude(state=OutboxState.published).delete()  # another test's
    return Stage(bus, frail_mariadb, database, service, relays, exams)


@pytest.mark.parametrize("run", range(1, RUNS + 1))
@pytest.mark.parametrize("name", SCENARIOS)
def test_what_has_happened_is_told_and_nothing_else(name: str, run: int, stage: Stage, faults: Faults) -> None:
    scenario = SCENARIOS[name]
    stage.relays.have(scenario.relays)
    ledger = Ledger(stage.database, stage.bus)
    with Load(stage.service, stage.exams, **scenario.load) as load:
        stage.load = load
        load.wait_for(HEALTHY_ATTEMPTS)
        began = time.monotonic()
        scenario.fault(stage)
        ended = stage.mending_began or time.monotonic()
        load.wait_for(ATTEMPTS)
    if load.late:
        assert _waiting(stage) == {person.username for person in load.late}, "whoever is unknown waits"
        load.introduce_all()
    recovery = wait_until(lambda: not unsent(stage.database), "everything is sent", DRAIN_SECONDS)
    balance = ledger.balance(late={person.username for person in load.late})
    healthy, _ = latency(load.samples, 0, began)
    median, _ = latency(load.samples, began, ended)
    _, longest = latency(load.samples, began, math.inf)
    faults.add(
        name, load, balance,
        healthy=healthy, median=median, longest=longest, recovery=recovery, notes=stage.notes,
    )  # fmt: skip
    assert not load.wrong, load.wrong[:3]
    assert balance.is_sound, balance
    assert median < WAITING_SECONDS
    assert longest < HANGING_SECONDS


def _replace_relay(stage: Stage) -> None:
    """By another, which is at work before this returns."""
    stage.relays.have(0)
    stage.relays.have(1)


def _active(stage: Stage) -> RelayProcess:
    active = stage.relays.active
    assert active is not None
    return active


def _published(stage: Stage) -> int:
    count: int = stage.outbox.filter(state=OutboxState.published).count()
    return count


def _waiting(stage: Stage) -> set[str]:
    """Names of the learners whose events wait."""
    rows = stage.outbox.filter(state=OutboxState.waiting).values_list("data", flat=True)
    return {data["exam_attempt"]["student_user"]["pii"]["username"] for data in rows}


def _kill_before_it_notes(stage: Stage) -> None:
    """
    Kill the active relay when the broker has acknowledged events and the outbox does not know it yet.

    That is when it waits to write, for rows that we hold; the database forgets what it had been about to write.
    """
    with transaction.atomic(using=stage.database.alias):
        wait_until(lambda: bool(_held(stage)), "an event is owed")
        wait_until(lambda: bool(_waiting_updates(stage)), "the relay wants to note an acknowledgement")
        stage.relays.kill(_active(stage))
        for connection in _waiting_updates(stage):
            stage.server.execute(f"KILL CONNECTION {connection}")


def _held(stage: Stage) -> list[int]:
    return list(stage.outbox.select_for_update().filter(state=OutboxState.pending).values_list("pk", flat=True))


def _waiting_updates(stage: Stage) -> list[str]:
    return stage.server.execute(
        "SELECT id FROM information_schema.processlist WHERE time_ms > 200 AND info LIKE 'UPDATE `events_outboxevent`%'"
    ).split()


def _workers(service: Service) -> list[int]:
    assert service._process is not None
    pid = service._process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
