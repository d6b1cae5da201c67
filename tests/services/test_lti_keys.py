# SPDX-License-Identifier: AGPL-3.0-only
"""Keys that change, and vendors that do not answer, while launches are on their way over HTTP."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiTool
from tests.lti.keyserver import KeyServer, key_server, send
from tests.lti.vendor import Vendor, jwk_of, rsa_key
from tests.services.conftest import ServiceOn
from tests.services.databases import on_mariadb
from tests.services.lti_stage import Stage, staged
from tests.services.mariadb import MariaDB

pytestmark = pytest.mark.services

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def stage(mariadb: MariaDB, service_on: ServiceOn, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    mariadb.create_database("lti_keys")
    with staged(on_mariadb(mariadb, "lti_keys"), service_on, django_db_blocker) as stage:
        yield stage


@pytest.fixture
def server() -> Iterator[KeyServer]:
    """The vendor's web server."""
    with key_server() as running:
        yield running


@pytest.fixture
def publisher(stage: Stage, server: KeyServer) -> Vendor:
    """A vendor who publishes a key set, and whose keys we have looked up already."""
    vendor = stage.register(
        f"publisher-{server.url.rpartition(':')[2].partition('/')[0]}", public_key="", keyset_url=server.url
    )
    server.key_set = {"keys": [jwk_of(vendor.key, vendor.kid)]}
    stage.token(vendor)
    return vendor


def time_goes_by(stage: Stage, vendor: Vendor, time: timedelta) -> None:
    """As far as what we remember of the vendor's keys can tell."""
    columns = ("keyset_fetched_at", "keyset_tried_at", "keyset_refetched_at")
    LtiTool.objects.using(stage.alias).filter(pk=vendor.tool.pk).update(**{name: F(name) - time for name in columns})


def rotate_both(stage: Stage, vendor: Vendor, server: KeyServer) -> None:
    """Our new key signs from now on; the vendor's is the only one that is published."""
    tool = LtiTool.objects.using(stage.alias).get(pk=vendor.tool.pk)
    tool.platform_keys.update(is_active=False)
    platform_keys.store_key(tool, rsa_key("our new one"), using=stage.alias)
    vendor.key, vendor.kid = rsa_key("vendor's new one"), "new"
    server.key_set = {"keys": [jwk_of(vendor.key, vendor.kid)]}


@pytest.mark.parametrize("moment", ["before the id_token", "before the tool's answer"])
def test_a_launch_completes_though_both_sides_rotate_in_its_middle(
    stage: Stage, publisher: Vendor, server: KeyServer, moment: str
) -> None:
    attempt = stage.attempt(publisher)
    told, cookie = stage.depart(attempt)
    if moment == "before the id_token":
        rotate_both(stage, publisher, server)
    launch = stage.bring(told, cookie, publisher)
    if moment == "before the tool's answer":
        rotate_both(stage, publisher, server)
    stage.service.expect(stage.answer(publisher.start_assessment(launch), cookie), 200)
    assert stage.row(attempt).status == "ready_to_start"
    assert stage.token(publisher), "and the tool's server goes on too"
    assert server.asked == 2, "once at first, and once for the new key"


def test_twenty_learners_who_come_back_at_once_after_a_rotation_all_get_through(
    stage: Stage, publisher: Vendor, server: KeyServer
) -> None:
    course = stage.course(publisher)
    exam = course.exam(exam_type="proctored")
    attempts = [course.attempt(exam, course.learner()) for _ in range(20)]
    launches = [stage.launched(attempt, publisher) for attempt in attempts]
    rotate_both(stage, publisher, server)
    messages = [stage.answer(publisher.start_assessment(launch), cookie) for launch, cookie in launches]
    assert [answer.status for answer in course.at_once(messages)] == 20 * [200]
    assert server.asked == 2


@pytest.mark.parametrize("age", [timedelta(minutes=10), timedelta(hours=2)], ids=["fresh keys", "keys to look up"])
def test_launches_go_on_while_the_vendors_key_set_is_down_for_five_minutes(
    stage: Stage, publisher: Vendor, server: KeyServer, age: timedelta
) -> None:
    time_goes_by(stage, publisher, age)
    server.answer = lambda request: send(request, 503, b"")
    for _ in range(6):
        attempt = stage.attempt(publisher)
        launch, cookie = stage.launched(attempt, publisher)
        stage.service.expect(stage.answer(publisher.start_assessment(launch), cookie), 200)
        assert stage.token(publisher)
        time_goes_by(stage, publisher, FIVE_MINUTES / 5)
    is_looked_up = age > timedelta(hours=1)
    assert server.asked == (1 + 6 if is_looked_up else 1), "once a minute at most, and only where it is time to look"
