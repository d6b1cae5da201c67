# SPDX-License-Identifier: AGPL-3.0-only
"""An attempt under attack, and the attacker's means."""

import time
from collections.abc import Callable
from typing import Any

from edx_exams.apps.core.models import AssessmentControlResult, ExamAttempt
from edx_exams.apps.events.models import OutboxEvent
from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiLaunch, ProctoredAttempt
from tests.lti.vendor import AP, PLATFORM, SCOPE, Form, Vendor
from tests.services.courses import Attempt
from tests.services.lti_attack_table import said
from tests.services.lti_stage import Stage
from tests.services.server import Answer, Call

Secrets = list[str]
#: An attack, ready to be made.
Blow = Callable[[], list[Answer]]


class Scene:
    """An attempt under attack, and the attacker's means."""

    def __init__(self, stage: Stage, competitor: Vendor, secrets: Secrets) -> None:
        self.stage, self.vendor, self.competitor, self.secrets = stage, stage.vendor, competitor, secrets

    def attempt(self, *actions: str) -> Attempt:
        return self.stage.attempt(None, *actions)

    def running(self) -> Attempt:
        return self.attempt("start")

    def send(self, *calls: Call) -> list[Answer]:
        return [self.stage.service.call(call) for call in calls]

    def departed(self) -> tuple[Attempt, dict[str, str], str]:
        attempt = self.attempt()
        told, cookie = self.stage.depart(attempt)
        self.secrets += [told["lti_message_hint"], told["login_hint"]]
        return attempt, told, cookie

    def authorize(
        self, told: dict[str, str], cookie: str, vendor: Vendor | None = None, **changes: Any
    ) -> list[Answer]:
        return self.send(self.stage.authentication_request(told, cookie, vendor, **changes))

    def launched(self) -> tuple[Attempt, dict[str, Any], str]:
        attempt = self.attempt()
        launch, cookie = self.stage.launched(attempt)
        self.secrets.append(launch[f"{AP}session_data"])
        return attempt, launch, cookie

    def answer(self, message: str, cookie: str) -> list[Answer]:
        self.secrets.append(message.rpartition(".")[0] or message)
        return self.send(self.stage.answer(message, cookie))

    def ask(self, assertion: str, vendor: Vendor | None = None) -> list[Answer]:
        self.secrets.append(assertion)
        return self.send(self.stage.token_request(assertion, vendor))

    def token(self, vendor: Vendor | None = None) -> str:
        token = self.stage.token(vendor)
        self.secrets.append(token)
        return token

    def control(self, attempt: Attempt, action: str = "terminate", **fields: Any) -> list[Answer]:
        if action == "terminate":
            fields = {"reason_code": 1, "incident_severity": 0, **fields}
        return self.send(self.stage.control(attempt, action, token=fields.pop("token", None) or self.token(), **fields))

    def own_token(self, **changes: Any) -> str:
        """An access token as only we can sign one: to see that each claim of it counts."""
        now = int(time.time())
        claims = {
            "iss": PLATFORM,
            "sub": self.vendor.tool.client_id,
            "aud": f"{PLATFORM}/lti/{self.vendor.tool.pk}/acs",
            "iat": now,
            "exp": now + 60,
            "scope": SCOPE,
        }
        return platform_keys.sign(self.vendor.tool, claims | changes, typ="at+jwt")


State = dict[str, Any]


def state_of(stage: Stage) -> State:
    """All that an attack could change."""
    using = stage.alias
    return {
        "attempts": list(ExamAttempt.objects.using(using).order_by("pk").values()),
        "history": ExamAttempt.history.using(using).count(),
        "events": OutboxEvent.objects.using(using).count(),
        "results": AssessmentControlResult.objects.using(using).count(),
        "what tools asked for": list(ProctoredAttempt.objects.using(using).order_by("pk").values()),
        "launches answered": LtiLaunch.objects.using(using).filter(answered_at__isnull=False).count(),
    }


def is_refusal(answer: Answer) -> bool:
    """By its status; or it is an error that the browser carries to a redirect URI which the tool has registered."""
    told = "error" in Form(answer.content.decode()).fields
    return told or answer.status in (400, 401, 403, 404) or (answer.status == 503 and "fetching ahead" in said(answer))
