"""
Tools under twenty simultaneous requests, and launches over eight workers that share nothing but the database.

``EXAMS_TEST_LTI_ROUNDS`` says how many rounds of each scene (5).
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from pylti1p3.registration import Registration
from pylti1p3.service_connector import ServiceConnector
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import AssessmentControlResult, ExamAttempt, ProctoringProvider
from edx_exams.apps.events.models import OutboxEvent
from edx_exams.apps.lti import keys
from edx_exams.apps.lti.models import LtiTool
from tests.lti.vendor import (
    AUTHORIZE,
    CONTROL_TYPE,
    SCOPE,
    START_ASSESSMENT,
    Form,
    Vendor,
    pem_of,
    private_pem_of,
    rsa_key,
)
from tests.services.conftest import ServiceOn
from tests.services.courses import Attempt, Course, act
from tests.services.databases import on_mariadb, on_sqlite
from tests.services.invariants import anomalies
from tests.services.mariadb import MariaDB
from tests.services.server import Answer, Call, Service
from tests.services.tally import Tally

pytestmark = pytest.mark.services

ROUNDS: Final = int(os.environ.get("EXAMS_TEST_LTI_ROUNDS", "5"))
PROVIDER: Final = "lti_vendor"
FORM: Final = "application/x-www-form-urlencoded"


class Stage:
    """The service, a vendor registered with it, and a course whose exams the vendor proctors."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.alias = service.database.alias
        tool = LtiTool.objects.using(self.alias).get()
        self.vendor = Vendor(tool, rsa_key("vendor"))

    def course(self) -> Course:
        course = Course(self.service)
        course.service.expect(course.patch_config(PROVIDER), 204)
        return course

    def row(self, attempt: Attempt) -> ExamAttempt:
        return ExamAttempt.objects.using(self.alias).select_related("exam", "user").get(pk=attempt.id)

    def form(self, path: str, fields: dict[str, str], cookie: str = "") -> Call:
        headers = {"Content-Type": FORM, **({"Cookie": cookie} if cookie else {})}
        return Call("POST", path, body=urlencode(fields).encode(), headers=headers)

    def token_request(self, assertion: str | None = None) -> Call:
        path = f"/lti/lti_consumer/v1/token/{self.vendor.tool.config_id}"
        return self.form(path, self.vendor.token_form(assertion))

    def control(self, attempt: Attempt, action: str, **fields: Any) -> Call:
        token = self.service.expect(self.token_request(), 200).json["access_token"]
        body = self.vendor.control_body(self.row(attempt), action, **fields)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": CONTROL_TYPE}
        return Call("POST", f"/lti/{self.vendor.tool.pk}/acs", body=body, headers=headers)

    def depart(self, attempt: Attempt) -> tuple[dict[str, str], str]:
        """The learner sets out; what the tool is told, and the browser's session cookie."""
        answer = self.service.expect(Call("GET", f"/lti/start_proctoring/{attempt.id}", attempt.learner), 302)
        told = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        return told, answer.headers["set-cookie"].partition(";")[0]

    def authentication_request(self, told: dict[str, str], cookie: str) -> Call:
        fields = {
            "scope": "openid",
            "response_type": "id_token",
            "response_mode": "form_post",
            "client_id": self.vendor.tool.client_id,
            "redirect_uri": self.vendor.tool.launch_url,
            "nonce": "n",
            "state": "s",
            "login_hint": told["login_hint"],
            "lti_message_hint": told["lti_message_hint"],
        }
        return self.form(AUTHORIZE, fields, cookie)

    def launched(self, attempt: Attempt) -> tuple[dict[str, Any], str]:
        told, cookie = self.depart(attempt)
        answer = self.service.expect(self.authentication_request(told, cookie), 200)
        token = Form(answer.content.decode()).fields["id_token"]
        return jwt.decode(token, options={"verify_signature": False}), cookie

    def answer(self, message: str, cookie: str) -> Call:
        return self.form(START_ASSESSMENT, {"JWT": message}, cookie)

    def results(self, attempt: Attempt) -> Counter[str]:
        of_it = AssessmentControlResult.objects.using(self.alias).filter(attempt_id=attempt.id)
        return Counter(of_it.values_list("action_type", flat=True))

    def events(self, course: Course) -> list[str]:
        of_it = OutboxEvent.objects.using(self.alias).filter(data__exam_attempt__course_key=course.id).order_by("pk")
        return [name.split(".")[-2] for name in of_it.values_list("event_type", flat=True)]


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


def differing(**pairs: tuple[Any, Any]) -> list[str]:
    return [f"{what}: {seen} instead of {wanted}" for what, (seen, wanted) in pairs.items() if seen != wanted]


def terminate_a_submitted_attempt(stage: Stage, course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner(), "start", "submit")
    call = stage.control(attempt, "terminate", reason_code=1, incident_severity=0.1)
    answers = course.at_once(20 * [call])
    return differing(
        answers=(statuses(answers), {200: 20}),
        status=(stage.row(attempt).status, "verified"),
        results=(stage.results(attempt), {"terminate": 1}),
        events=(stage.events(course), ["submitted", "verified"]),
    )


def terminate_a_running_attempt_while_its_learner_submits(stage: Stage, course: Course) -> list[str]:
    attempt = course.running_attempt(exam_type="proctored")
    call = stage.control(attempt, "terminate", reason_code=1, incident_severity=0.1)
    answers = course.at_once(10 * [call, act(attempt.learner, attempt, "submit")])
    tool = [answer for answer in answers if answer.call.path.endswith("/acs")]
    return differing(
        answers=(statuses(tool), {200: 10}),
        status=(stage.row(attempt).status, "verified"),
        results=(stage.results(attempt), {"terminate": 1}),
        events=(stage.events(course), ["submitted", "verified"]),
    )


def pause_and_pause(stage: Stage, course: Course) -> list[str]:
    attempt = course.running_attempt(exam_type="proctored")
    paused = course.at_once(20 * [stage.control(attempt, "pause")])
    resumed = course.at_once(20 * [stage.control(attempt, "resume")])
    return differing(
        paused=(statuses(paused), {200: 1, 400: 19}),
        resumed=(statuses(resumed), {200: 1, 400: 19}),
        results=(stage.results(attempt), {"pause": 1, "resume": 1}),
    )


def one_hint(stage: Stage, course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner())
    told, cookie = stage.depart(attempt)
    answers = course.at_once(20 * [stage.authentication_request(told, cookie)])
    issued = sum(b"id_token" in answer.content for answer in answers)
    return differing(answers=(statuses(answers), {200: 20}), issued=(issued, 1))


def one_answer_of_the_tool(stage: Stage, course: Course) -> list[str]:
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner())
    launch, cookie = stage.launched(attempt)
    # Ten with one nonce and ten with nonces of their own: the session data is good once all the same.
    messages = 10 * [stage.vendor.start_assessment(launch)]
    messages += [stage.vendor.start_assessment(launch) for _ in range(10)]
    answers = course.at_once([stage.answer(message, cookie) for message in messages])
    return differing(
        answers=(statuses(answers), {200: 1, 400: 19}), status=(stage.row(attempt).status, "ready_to_start")
    )


def one_client_assertion(stage: Stage, course: Course) -> list[str]:
    answers = course.at_once(20 * [stage.token_request(stage.vendor.assertion())])
    return differing(answers=(statuses(answers), {200: 1, 401: 19}))


def ten_learners_launch_step_by_step(stage: Stage, course: Course) -> list[str]:
    """Each request goes to whichever worker is free, and none remembers anything of the one before."""
    exam = course.exam(exam_type="proctored")
    attempts = [course.attempt(exam, course.learner()) for _ in range(10)]
    departures = [stage.depart(attempt) for attempt in attempts]
    issued = course.at_once([stage.authentication_request(*departure) for departure in departures])
    messages = []
    for answer, (_, cookie) in zip(issued, departures, strict=True):
        launch = jwt.decode(Form(answer.content.decode()).fields["id_token"], options={"verify_signature": False})
        messages.append(stage.answer(stage.vendor.start_assessment(launch), cookie))
    answers = course.at_once(messages)
    ready = Counter(stage.row(attempt).status for attempt in attempts)
    return differing(answers=(statuses(answers), {200: 10}), ready=(dict(ready), {"ready_to_start": 10}))


Scene = Callable[[Stage, Course], list[str]]
SCENES: Final[list[Scene]] = [
    terminate_a_submitted_attempt,
    terminate_a_running_attempt_while_its_learner_submits,
    pause_and_pause,
    one_hint,
    one_answer_of_the_tool,
    one_client_assertion,
    ten_learners_launch_step_by_step,
]


@pytest.fixture(scope="module", params=["MariaDB, read committed", "MariaDB, repeatable read", "SQLite"])
def stage(
    request: pytest.FixtureRequest,
    service_on: ServiceOn,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Stage]:
    """The service on each database in turn, with a registered vendor."""
    if request.param == "SQLite":
        database = on_sqlite(tmp_path_factory.mktemp("lti") / "exams.sqlite3")
    else:
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        read_committed = request.param == "MariaDB, read committed"
        name = "lti_rc" if read_committed else "lti_rr"
        mariadb.create_database(name)
        database = on_mariadb(mariadb, name, "read committed" if read_committed else "repeatable read")
    database.migrate()
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        tool = LtiTool.objects.using(database.alias).create(
            oidc_login_url="https://vendor.example.com/login",
            launch_url="https://vendor.example.com/launch",
            public_key=pem_of(rsa_key("vendor")),
        )
        keys.store_key(tool, rsa_key("platform for vendor"), using=database.alias)
        ProctoringProvider.objects.using(database.alias).create(
            name=PROVIDER, verbose_name=PROVIDER, lti_configuration_id=str(tool.pk)
        )
        yield Stage(service)
    service.stop()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_simultaneous_requests_of_tools_leave_no_anomaly(
    scene: Scene, stage: Stage, tally: Tally, request: pytest.FixtureRequest
) -> None:
    line = tally.line(request.node.callspec.params["stage"], scene.__name__.replace("_", " "))
    for _ in range(ROUNDS):
        course = stage.course()
        findings = scene(stage, course)
        line.add(course.answers, findings + anomalies(course.id, stage.alias))
    assert not line.anomalies, "\n".join([*line.anomalies[:20], stage.service.log_tail()])


def test_pylti1p3_reads_our_message_and_controls_the_assessment_over_http(stage: Stage) -> None:
    """A tool by other hands: our key set, our token endpoint and our control service, each over a real connection."""
    course, vendor, url = stage.course(), stage.vendor, stage.service.url
    attempt = course.attempt(course.exam(exam_type="proctored"), course.learner())
    told, cookie = stage.depart(attempt)
    page = stage.service.expect(stage.authentication_request(told, cookie), 200)
    key_set = requests.get(f"{url}/lti/lti_consumer/v1/public_keysets/{vendor.tool.config_id}", timeout=10).json()
    launch = vendor.read_launch(Form(page.content.decode()), key_set, nonce="n")
    stage.service.expect(stage.answer(vendor.start_assessment(launch), cookie), 200)
    stage.service.expect(act(attempt.learner, attempt, "start"), 200)

    registration = Registration()
    registration.set_client_id(vendor.tool.client_id).set_auth_audience(launch["iss"])
    registration.set_auth_token_url(f"{url}/lti/lti_consumer/v1/token/{vendor.tool.config_id}")
    registration.set_tool_private_key(private_pem_of(vendor.key))
    connector = ServiceConnector(registration)

    def control(action: str, **fields: Any) -> Any:
        body = json.dumps(vendor.control_body(stage.row(attempt), action, **fields))
        acs = f"{url}/lti/{vendor.tool.pk}/acs"
        return connector.make_service_request([SCOPE], acs, True, body, CONTROL_TYPE, CONTROL_TYPE)["body"]

    assert control("pause") == {"status": "paused", "extra_time": 0}
    assert control("resume") == {"status": "running", "extra_time": 0}
    assert control("update", extra_time=5) == {"status": "running", "extra_time": 5}
    assert control("flag", incident_severity="0.4", reason_code=2) == {"status": "running", "extra_time": 5}
    assert control("terminate", reason_code=1, incident_severity=0.1) == {"status": "terminated", "extra_time": 5}
    assert stage.row(attempt).status == "verified"
    assert stage.events(course) == ["submitted", "verified"]

    ended = stage.service.expect(Call("GET", f"/lti/end_assessment/{attempt.id}", attempt.learner), 302)
    assert ended.headers["location"].startswith(vendor.tool.oidc_login_url), "the tool asked to hear of the end"
    assert not anomalies(course.id, stage.alias)
