# SPDX-License-Identifier: AGPL-3.0-only
"""Operators' how-tos, entered as they are written, on a clean directory with real servers."""

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import jwt
import pytest
from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes
from playwright.sync_api import Page

from tests import tokens
from tests.docs.conftest import COURSE_ID, Platform
from tests.docs.editor import printed
from tests.docs.machine import PASSWORD, Machine
from tests.docs.pages import WIDTHS, problems
from tests.events.role_events import added
from tests.services.waiting import wait_until

message = pytest.importorskip("edx_event_bus_redis.internal.message", reason="installed in production alone")

pytestmark = pytest.mark.docs

RELAYS: Final = ("edx-exams-relay@1", "edx-exams-relay@2")


def test_a_learners_submission_is_on_the_topic(platform: Platform) -> None:
    ada = tokens.Person("ada", lms_user_id=7)
    attempt = platform.start_exam(ada)
    platform.submit(attempt, ada)
    platform.hears(ada)


def test_the_sweep_submits_what_a_learner_left(machine: Machine, platform: Platform) -> None:
    bob = tokens.Person("bob", lms_user_id=8)
    attempt = platform.start_exam(bob)
    machine.mariadb.execute(
        f"UPDATE exams_examattempt SET start_time = start_time - INTERVAL 2 HOUR WHERE id = {attempt}", "edx_exams"
    )
    platform.hears(bob)


def test_the_consumer_keeps_course_teams(machine: Machine) -> None:
    event = added(username="cleo", course_id=COURSE_ID)
    entry = message.RedisMessage(
        "learning-course-access-role-lifecycle", serialize_event_data_to_bytes(event.data, event.signal), event.metadata
    )
    machine.redis.client.xadd("prod-learning-course-access-role-lifecycle", entry.to_binary_dict())
    query = "SELECT username FROM core_user u JOIN exams_coursestaffrole r ON r.user_id = u.id"
    wait_until(
        lambda: "cleo" in machine.mariadb.execute(query, "edx_exams"), f"cleo is staff: {machine.journal()[-2000:]}"
    )


def test_the_operator_signs_in_and_pages_have_their_styles(platform: Platform) -> None:
    login = f"{platform.machine.url}/admin/login/"
    page = platform.page("/admin/login/")
    styles = re.findall(r'href="(/static/[^"]+\.css)"', page.text)
    assert {platform.page(path).status_code for path in styles} == {200}
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    form = {"username": "operator", "password": PASSWORD, "csrfmiddlewaretoken": token, "next": "/admin/"}
    answer = platform._session.post(login, form, headers={"Referer": login}, allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers.get("Location")) == (302, "/admin/")


def test_the_apis_page_keeps_nobody_out(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.machine.url}/api-docs/")
    page.wait_for_selector(".opblock")
    page.click(".opblock-put .opblock-summary-control >> nth=0")
    page.wait_for_selector(".opblock-body select")
    found = [problem for width in WIDTHS for problem in problems(page, "/api-docs/", width, colours=True)]
    assert not found, "\n".join(found)


def test_the_settings_raise_no_question(machine: Machine) -> None:
    """The file that the how-to copies has everything: the check that follows finds nothing to warn of."""
    assert "System check identified no issues (0 silenced)." in machine.log.read_text()


def test_the_units_are_what_systemd_takes(machine: Machine) -> None:
    units = sorted(Path(f"{machine.root}/etc/systemd/system").glob("*.service"))
    assert len(units) == 4
    try:
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no systemd-analyze on this machine")
    assert (done.returncode, done.stderr) == (0, "")


def opened_by_the_lms(token: str, *public_sets: str) -> bool:
    """The LMS has all keys of these sets in its own; each is tried, as its `unpack_and_verify` does."""
    for key in (key for text in public_sets for key in jwt.PyJWKSet.from_json(text).keys):
        try:
            jwt.decode(token, key=key.key, algorithms=["RS256", "RS512"], options={"verify_aud": False})
        except jwt.InvalidSignatureError:
            continue
        return True
    return False


def test_the_services_own_key_is_changed(machine: Machine, platform: Platform) -> None:
    eve = tokens.Person("eve", lms_user_id=10)
    attempt = platform.start_exam(eve)
    former = printed(machine.log)["JWT_PUBLIC_SIGNING_JWK_SET"]
    before = platform.access_token(attempt, eve)
    machine.follow("rotate-keys.rst", "This service's signing key")
    new = printed(machine.log)["JWT_PUBLIC_SIGNING_JWK_SET"]
    platform.answers()
    after = platform.access_token(attempt, eve)
    assert opened_by_the_lms(before, former, new)
    assert opened_by_the_lms(after, former, new)
    assert (opened_by_the_lms(after, former), opened_by_the_lms(after, new)) == (False, True)


def test_a_lost_database_is_restored_and_the_relay_goes_on(machine: Machine, platform: Platform) -> None:
    dora = tokens.Person("dora", lms_user_id=9)
    machine.systemctl("stop", *RELAYS)
    attempt = platform.start_exam(dora)
    platform.submit(attempt, dora)
    machine.follow("backup-and-restore.rst", "Back up")
    machine.mariadb.execute("DROP DATABASE edx_exams")
    platform.call("GET", "exams/attempt/latest", dora, status=503)
    assert platform.heard(dora) == []
    machine.follow("backup-and-restore.rst", "Restore")
    platform.hears(dora)
    assert platform.status_of(attempt) == "submitted"


def test_a_dump_that_breaks_off_leaves_the_good_one(machine: Machine) -> None:
    machine.follow("backup-and-restore.rst", "Back up")
    dump = Path(f"{machine.root}/var/backups/edx-exams/edx_exams.sql.gz")
    good = dump.read_bytes()
    broken = machine.root / "bin" / "mariadb-dump"
    broken.write_text("#!/bin/sh\necho half\nexit 2\n")
    broken.chmod(0o755)
    try:
        with pytest.raises(AssertionError):
            machine.follow("backup-and-restore.rst", "Back up")
    finally:
        broken.unlink()
    assert dump.read_bytes() == good


def test_a_dump_that_cannot_be_read_loses_nothing(machine: Machine, platform: Platform) -> None:
    machine.follow("backup-and-restore.rst", "Back up")
    dump = Path(f"{machine.root}/var/backups/edx-exams/edx_exams.sql.gz")
    dump.write_bytes(b"half of a dump")
    with pytest.raises(AssertionError):
        machine.follow("backup-and-restore.rst", "Restore")
    platform.call("GET", "exams/attempt/latest", tokens.Person("gil", lms_user_id=13))


def test_a_new_version_takes_the_place_of_the_former_one(machine: Machine, platform: Platform) -> None:
    hal = tokens.Person("hal", lms_user_id=12)
    attempt = platform.start_exam(hal)
    machine.follow("upgrade.rst", "On a machine")
    platform.answers()
    assert Path(f"{machine.root}/opt/edx-exams").resolve().name == "edx-exams-2"
    platform.submit(attempt, hal)
    platform.hears(hal)


def test_the_lms_changes_its_key(machine: Machine, platform: Platform) -> None:
    fay = tokens.Person("fay", lms_user_id=11)
    ours, another = json.loads(tokens.public_jwk_set())["keys"], json.loads(tokens.another_jwk_set())["keys"]
    machine.tell_editor(platform.settings(JWT_PUBLIC_SIGNING_JWK_SET=json.dumps({"keys": another + ours})))
    machine.follow("rotate-keys.rst", "The LMS's signing key")
    platform.answers()
    platform.call("GET", "exams/attempt/latest", fay)
    machine.tell_editor(platform.settings(JWT_PUBLIC_SIGNING_JWK_SET=json.dumps({"keys": another})))
    machine.follow("rotate-keys.rst", "The LMS's signing key")
    platform.answers()
    assert platform.call("GET", "exams/attempt/latest", fay, status=401) == {"detail": "The token is not valid."}
