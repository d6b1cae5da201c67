# SPDX-License-Identifier: AGPL-3.0-only
"""The service with vendors of proctoring, and what their tools and the learners' browsers send to it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, ProctoringProvider
from edx_exams.apps.events.models import OutboxEvent
from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiTool
from tests.lti.vendor import (
    AUTHORIZE,
    CONTROL_TYPE,
    START_ASSESSMENT,
    Form,
    Vendor,
    authentication_request,
    pem_of,
    rsa_key,
)
from tests.services.conftest import ServiceOn
from tests.services.courses import Attempt, Course
from tests.services.databases import Database
from tests.services.server import Answer, Call, Service

FORM: Final = "application/x-www-form-urlencoded"


class Stage:
    """The service, a vendor registered with it, and a course whose exams the vendor proctors."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.alias = service.database.alias
        self.vendor = self.register("vendor")

    def register(self, name: str, **fields: Any) -> Vendor:
        """A vendor, known by a PEM key unless `fields` say otherwise, and a provider of the vendor's name."""
        key = rsa_key(name)
        tool = LtiTool.objects.using(self.alias).create(
            name=name,
            oidc_login_url=f"https://{name}.example.com/login",
            launch_url=f"https://{name}.example.com/launch",
            **({"public_key": pem_of(key), "extension_answers": True} | fields),
        )
        platform_keys.store_key(tool, rsa_key(f"platform for {name}"), using=self.alias)
        ProctoringProvider.objects.using(self.alias).create(
            name=name, verbose_name=name.title(), lti_configuration_id=str(tool.pk)
        )
        return Vendor(tool, key)

    def course(self, vendor: Vendor | None = None) -> Course:
        """A course of the vendor's."""
        course = Course(self.service)
        course.service.expect(course.patch_config((vendor or self.vendor).tool.name), 204)
        return course

    def attempt(self, vendor: Vendor | None = None, *actions: str) -> Attempt:
        """An attempt of an exam that the vendor proctors, in a course of its own."""
        course = self.course(vendor)
        return course.attempt(course.exam(exam_type="proctored"), course.learner(), *actions)

    def row(self, attempt: Attempt) -> ExamAttempt:
        return ExamAttempt.objects.using(self.alias).select_related("exam", "user").get(pk=attempt.id)

    # Requests of the learner's browser

    def depart(self, attempt: Attempt) -> tuple[dict[str, str], str]:
        """The learner sets out; what the tool is told, and the browser's session cookie."""
        answer = self.service.expect(Call("GET", f"/lti/start_proctoring/{attempt.id}", attempt.learner), 302)
        return told_by(answer), answer.headers["set-cookie"].partition(";")[0]

    def authentication_request(
        self, told: dict[str, str], cookie: str, vendor: Vendor | None = None, **changes: Any
    ) -> Call:
        """Parameters of the tool's authentication request; `changes` to any parameter, None leaves one out."""
        return form(AUTHORIZE, authentication_request(told, vendor or self.vendor, **changes), cookie)

    def launched(self, attempt: Attempt, vendor: Vendor | None = None) -> tuple[dict[str, Any], str]:
        """A launch, up to the tool; its claims as pylti1p3 reads them, and the browser's session cookie."""
        told, cookie = self.depart(attempt)
        return self.bring(told, cookie, vendor), cookie

    def bring(self, told: dict[str, str], cookie: str, vendor: Vendor | None = None) -> dict[str, Any]:
        """The second half of a launch."""
        vendor = vendor or self.vendor
        page = self.service.expect(self.authentication_request(told, cookie, vendor), 200)
        return vendor.read_launch(Form(page.content.decode()), self.key_set(vendor))

    def answer(self, message: str, cookie: str) -> Call:
        """The tool's word that the learner is ready, as the browser brings it."""
        return form(START_ASSESSMENT, {"JWT": message}, cookie)

    # Requests of tools' servers

    def key_set(self, vendor: Vendor) -> Any:
        """Our keys, as the vendor fetches them."""
        url = f"{self.service.url}/lti/lti_consumer/v1/public_keysets/{vendor.tool.config_id}"
        return requests.get(url, timeout=10).json()

    def token_request(self, assertion: str | None = None, vendor: Vendor | None = None, **changes: Any) -> Call:
        vendor = vendor or self.vendor
        path = f"/lti/lti_consumer/v1/token/{vendor.tool.config_id}"
        return form(path, vendor.token_form(assertion, **changes))

    def token(self, vendor: Vendor | None = None) -> str:
        """An access token."""
        return str(self.service.expect(self.token_request(vendor=vendor), 200).json["access_token"])

    def control(
        self, attempt: Attempt, action: str, *, vendor: Vendor | None = None, token: str | None = None, **fields: Any
    ) -> Call:
        vendor = vendor or self.vendor
        body = vendor.control_body(self.row(attempt), action, **fields)
        return self.control_by(body, token or self.token(vendor), vendor)

    def control_by(self, body: Any, token: str, vendor: Vendor | None = None) -> Call:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": CONTROL_TYPE}
        return Call("POST", f"/lti/{(vendor or self.vendor).tool.pk}/acs", body=body, headers=headers)

    # What became of it

    def results(self, attempt: Attempt) -> Counter[str]:
        of_it = AssessmentControlResult.objects.using(self.alias).filter(attempt_id=attempt.id)
        return Counter(of_it.values_list("action_type", flat=True))

    def events(self, course_id: str) -> list[str]:
        of_it = OutboxEvent.objects.using(self.alias).filter(data__exam_attempt__course_key=course_id).order_by("pk")
        return [name.split(".")[-2] for name in of_it.values_list("event_type", flat=True)]


def form(path: str, fields: dict[str, Any], cookie: str = "") -> Call:
    """A form that is posted."""
    headers = {"Content-Type": FORM, **({"Cookie": cookie} if cookie else {})}
    return Call("POST", path, body=urlencode(fields, doseq=True).encode(), headers=headers)


def told_by(answer: Answer) -> dict[str, str]:
    """Parameters that the browser carries to the tool's login URL."""
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def exam_with_tool(alias: str, tool_url: str) -> Exam:
    """An active proctored exam, whose tool has addresses below `tool_url`; made without the API, so without history."""
    tool = LtiTool.objects.using(alias).create(
        oidc_login_url=f"{tool_url}/login", launch_url=f"{tool_url}/launch", keyset_url=f"{tool_url}/keys"
    )
    provider = ProctoringProvider.objects.using(alias).create(
        name="acme", verbose_name="Acme", lti_configuration_id=str(tool.pk)
    )
    row: Any = {
        "course_id": "course-v1:Acme+One+2026",
        "content_id": "block-v1:Acme+One+2026+type@sequential+block@a",
        "resource_id": "exam-with-tool",
        "exam_name": "Final",
        "exam_type": "proctored",
        "time_limit_mins": 60,
        "is_active": True,
        "provider": provider,
    }
    Exam.objects.using(alias).bulk_create([Exam(**row)])  # without its history row, which goes to the default database
    return Exam.objects.using(alias).get(resource_id=row["resource_id"])


@contextmanager
def staged(database: Database, service_on: ServiceOn, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """The service on a database that is migrated for it, with a registered vendor."""
    database.set_up()
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        yield Stage(service)
    service.stop()
