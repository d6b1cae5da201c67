# SPDX-License-Identifier: AGPL-3.0-only
"""
Every attack on a proctored exam, over HTTP against the service on MariaDB: refused in plain words, nothing changed.

Run this module alone and the table of all of them stands at its end.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.lti.keyserver import KeyServer, drip, flood, hang, key_server, redirect_to
from tests.lti.vendor import Form, Vendor
from tests.services.conftest import ServiceOn
from tests.services.courses import act
from tests.services.databases import on_mariadb
from tests.services.lti_attack_table import Attack, AttackTable, said
from tests.services.lti_attacks_on_launches import ANSWER, LAUNCH
from tests.services.lti_attacks_on_tokens import CONTROL, TOKEN
from tests.services.lti_scene import Scene, Secrets, is_refusal, state_of
from tests.services.lti_stage import Stage, staged
from tests.services.mariadb import MariaDB

pytestmark = pytest.mark.services

#: Seconds after which a hanging vendor has cost a request too much.
LONGEST_WAIT: Final = 12.0


@pytest.fixture(scope="module")
def stage(mariadb: MariaDB, service_on: ServiceOn, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    mariadb.create_database("lti_attacks")
    with staged(on_mariadb(mariadb, "lti_attacks"), service_on, django_db_blocker) as stage:
        yield stage


@pytest.fixture(scope="module")
def competitor(stage: Stage) -> Vendor:
    """Another vendor's tool."""
    return stage.register("competitor")


@pytest.fixture(scope="module")
def table(pytestconfig: pytest.Config) -> AttackTable:
    table = AttackTable()
    pytestconfig.pluginmanager.register(table)
    return table


@pytest.fixture(scope="module")
def secrets(stage: Stage) -> Iterator[Secrets]:
    """Secrets that no line of the service's log may hold."""
    collected: Secrets = []
    yield collected
    log = stage.service.log.read_text(errors="replace")
    assert "refused" in log, "it was logged at all"
    assert "Traceback" not in log
    found = [secret for secret in collected if secret in log]
    assert not found


@pytest.fixture
def scene(stage: Stage, competitor: Vendor, secrets: Secrets) -> Scene:
    return Scene(stage, competitor, secrets)


ALL: Final = {
    "launch": LAUNCH,
    "LtiStartAssessment": ANSWER,
    "token": TOKEN,
    "ACS": CONTROL,
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, attacks in ALL.items() for name in attacks], ids=str)
def test_an_attack_is_refused_in_plain_words_and_changes_nothing(
    kind: str, name: str, scene: Scene, table: AttackTable
) -> None:
    blow = ALL[kind][name](scene)
    before = state_of(scene.stage)
    answers = blow()
    after = state_of(scene.stage)
    changes = [what for what in before if before[what] != after[what]]
    table.attacks.append(Attack(kind, name, answers, changes))
    assert not changes
    for answer in answers:
        assert is_refusal(answer), answer
        assert len(said(answer).split()) > 2, "in words"
        assert "id_token" not in Form(answer.content.decode()).fields


def test_a_launch_of_a_running_attempt_keeps_its_status(scene: Scene, table: AttackTable) -> None:
    attempt = scene.running()
    before = scene.stage.row(attempt)
    launch, cookie = scene.stage.launched(attempt)
    answers = scene.answer(scene.vendor.start_assessment(launch), cookie)
    after = scene.stage.row(attempt)
    table.attacks.append(Attack("launch", "start_proctoring for a running attempt", answers))
    assert (after.status, after.start_time) == ("started", before.start_time)


def test_the_same_termination_twice_and_twenty_times_is_carried_out_once(scene: Scene, table: AttackTable) -> None:
    attempt, token = scene.running(), scene.token()
    call = scene.stage.control(attempt, "terminate", token=token, reason_code=1, incident_severity=0.1)
    once = scene.send(call)
    more = [*scene.send(call), *scene.stage.service.at_once(20 * [call])]
    table.attacks.append(Attack("ACS", "terminate twice, and 20 times at once", [*once, *more]))
    assert {(answer.status, answer.content) for answer in (*once, *more)} == {(200, once[0].content)}
    assert scene.stage.results(attempt) == {"terminate": 1}
    assert scene.stage.events(attempt.exam.course_id) == ["submitted", "verified"]


def _hanging(server: KeyServer) -> None:
    server.answer = hang


def _dripping(server: KeyServer) -> None:
    server.answer = drip


def _redirecting(server: KeyServer) -> None:
    server.answer = redirect_to("http://127.0.0.1:1/")


def _flooding(server: KeyServer) -> None:
    server.answer = flood


@pytest.mark.parametrize("misbehave", [_hanging, _dripping, _redirecting, _flooding], ids=lambda one: one.__name__)
def test_a_key_set_url_that_misbehaves_costs_one_request_and_little_time(
    scene: Scene, table: AttackTable, misbehave: Callable[[KeyServer], None]
) -> None:
    with key_server() as server:
        misbehave(server)
        vendor = scene.stage.register(f"vendor{misbehave.__name__}", public_key="", keyset_url=server.url)
        began = time.monotonic()
        answers = [scene.ask(vendor.assertion(), vendor)[0] for _ in range(5)]
        took = time.monotonic() - began
    table.attacks.append(Attack("key set URL", misbehave.__name__.strip("_"), answers))
    assert {answer.status for answer in answers} == {401}
    assert server.asked == 1
    assert took < LONGEST_WAIT


def test_the_same_requests_without_the_attack_are_taken(scene: Scene) -> None:
    """Otherwise everything above would be refused for another reason than it says."""
    attempt, launch, cookie = scene.launched()
    assert scene.answer(scene.vendor.start_assessment(launch), cookie)[0].status == 200
    scene.stage.service.expect(act(attempt.learner, attempt, "start"), 200)
    assert scene.control(attempt, "flag", token=scene.own_token())[0].status == 200
