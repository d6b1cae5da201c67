# SPDX-License-Identifier: AGPL-3.0-only
"""
The tool's half of LTI 1.3 Proctoring Services, on pylti1p3.

That library knows launches and services of LTI 1.3. What proctoring adds to it stands here: two kinds of launch, the
word that a learner may begin, and the actions of the Assessment Control Service.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpRequest, HttpResponse
from jwt.algorithms import RSAAlgorithm
from pylti1p3.contrib.django.message_launch import DjangoMessageLaunch
from pylti1p3.contrib.django.oidc_login import DjangoOIDCLogin
from pylti1p3.exception import LtiException, LtiServiceException
from pylti1p3.message_validators.abstract import MessageValidatorAbstract
from pylti1p3.registration import Registration
from pylti1p3.service_connector import ServiceConnector
from pylti1p3.tool_config.dict import ToolConfDict

from sandbox import keys, registration
from sandbox.environment import this_sandbox
from sandbox.tool.sittings import AP, LTI, Incident, Sitting, State

START_PROCTORING: Final = "LtiStartProctoring"
START_ASSESSMENT: Final = "LtiStartAssessment"
END_ASSESSMENT: Final = "LtiEndAssessment"
RESOURCE_LINK: Final = "LtiResourceLinkRequest"
VERSION: Final = "1.3.0"

CONTROL_SCOPE: Final = "https://purl.imsglobal.org/spec/lti-ap/scope/control.all"
CONTROL_TYPE: Final = "application/vnd.ims.lti-ap.v1.control+json"

MESSAGE_SECONDS: Final = 5 * 60
TIMEOUT_SECONDS: Final = (3, 10)


class Refused(Exception):
    """A message that cannot be what it says, or an action that the platform does not take; the text is for people."""


# What both sides have agreed on


@cache
def configuration() -> ToolConfDict:
    """Registration and keys as pylti1p3 wants them."""
    private_key = RSAAlgorithm.from_jwk(keys.private_key(this_sandbox().keys, keys.TOOL))
    assert isinstance(private_key, rsa.RSAPrivateKey)  # noqa: S101  (it was made by us)
    private_pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = private_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    issuer = registration.issuer()
    agreed = ToolConfDict(
        {
            issuer: {
                "client_id": registration.CLIENT_ID,
                "auth_login_url": registration.authorization_url(),
                "auth_token_url": registration.token_url(),
                "key_set_url": registration.platform_key_set_url(),
                "deployment_ids": [registration.DEPLOYMENT_ID],
            }
        }
    )
    agreed.set_private_key(issuer, private_pem.decode())
    agreed.set_public_key(issuer, public_pem.decode())
    return agreed


def _registration() -> Registration:
    found: Registration = configuration().find_registration_by_issuer(registration.issuer())
    return found


def key_set() -> Mapping[str, Any]:
    """The tool's public keys."""
    keys_of_all: Mapping[str, Any] = configuration().get_jwks()
    return keys_of_all


# Launches


class _ProctoringMessage(MessageValidatorAbstract):
    """Claims that LtiStartProctoring and LtiEndAssessment must hold beside those of every launch."""

    def can_validate(self, jwt_body: Mapping[str, Any]) -> bool:
        return jwt_body.get(f"{LTI}message_type") in {START_PROCTORING, END_ASSESSMENT}

    def validate(self, jwt_body: Mapping[str, Any]) -> bool:
        self.run_common_validators(jwt_body)
        wanted = [f"{LTI}resource_link", f"{AP}attempt_number", f"{AP}session_data"]
        if jwt_body[f"{LTI}message_type"] == START_PROCTORING:
            wanted += [f"{AP}start_assessment_url", f"{AP}acs"]
        for name in wanted:
            if not jwt_body.get(name):
                message = f"The claim {name} is missing."
                raise LtiException(message)
        return True


class _Launch(DjangoMessageLaunch):
    def validate_message(self) -> _Launch:
        body = self._get_jwt_body()
        proctoring = _ProctoringMessage()
        if proctoring.can_validate(body):
            proctoring.validate(body)
            return self
        super().validate_message()
        return self


def begin_login(request: HttpRequest) -> HttpResponse:
    """
    Answer the platform's announcement of a launch: the browser is sent to its authorization endpoint.

    :raises Refused: it is no platform that we know
    """
    try:
        login = DjangoOIDCLogin(request, configuration())  # type: ignore[no-untyped-call]  # pylti1p3's
        answer: HttpResponse = login.redirect(registration.tool_address(registration.LAUNCH_PATH))
    except Exception as error:  # pylti1p3 raises its base class for an issuer that it does not know
        raise Refused(str(error)) from error
    return answer


def read_launch(request: HttpRequest) -> dict[str, Any]:
    """
    The claims of a launch, all checked: state, nonce, signature, audience, deployment, times, message.

    :raises Refused: one of them is wrong
    """
    try:
        launch = _Launch(request, configuration(), requests_session=_Session())  # type: ignore[no-untyped-call]
        return dict(launch.get_launch_data())
    except (LtiException, requests.RequestException) as error:
        raise Refused(str(error)) from error


def start_assessment_message(sitting: Sitting) -> str:
    """The signed word that a learner may begin; we want to hear of the end."""
    issued = int(time.time())
    known = _registration()
    claims = {
        "iss": registration.CLIENT_ID,
        "aud": registration.issuer(),
        "iat": issued,
        "exp": issued + MESSAGE_SECONDS,
        "nonce": secrets.token_urlsafe(24),
        f"{LTI}message_type": START_ASSESSMENT,
        f"{LTI}version": VERSION,
        f"{LTI}deployment_id": registration.DEPLOYMENT_ID,
        f"{LTI}resource_link": {"id": sitting.resource_id},
        f"{AP}attempt_number": sitting.attempt_number,
        f"{AP}session_data": sitting.session_data,
        f"{AP}end_assessment_return": True,
    }
    headers = {"kid": known.get_kid() or ""}
    return jwt.encode(claims, known.get_tool_private_key() or "", keys.TOOL_ALGORITHM, headers=headers)


# Control


class _Session(requests.Session):
    """Gives up on a platform that does not answer."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(*args, **{"timeout": TIMEOUT_SECONDS, **kwargs})


def control(sitting: Sitting, incident: Incident) -> State | None:
    """
    Carry an action out at the platform, with an access token that is fetched for it.

    :returns: where the platform says that the assessment stands; None before it has begun
    :raises Refused: the platform does not take it
    """
    body: dict[str, Any] = {
        "user": {"iss": registration.issuer(), "sub": sitting.learner},
        "resource_link": {"id": sitting.resource_id},
        "attempt_number": sitting.attempt_number,
        "action": incident.action,
        "incident_time": incident.at,
    }
    optional = {
        "reason_code": incident.reason,
        "incident_severity": incident.severity,
        "reason_msg": incident.message,
        "extra_time": incident.minutes,
    }
    body |= {name: value for name, value in optional.items() if value not in ("", None)}
    try:
        answer = ServiceConnector(_registration(), _Session()).make_service_request(
            [CONTROL_SCOPE],
            sitting.control_url,
            is_post=True,
            data=json.dumps(body),
            content_type=CONTROL_TYPE,
            accept=CONTROL_TYPE,
        )
    except LtiServiceException as error:
        raise Refused(_reason_of(error.response)) from error
    except requests.RequestException as error:
        message = "The platform does not answer."
        raise Refused(message) from error
    told = answer["body"]
    status = str(told.get("status")) if isinstance(told, dict) else ""
    return State(status) if status in list(State) else None


def _reason_of(response: requests.Response) -> str:
    try:
        said = response.json()
        return str(said.get("detail") or said.get("error_description") or said.get("error"))
    except (ValueError, AttributeError):
        return f"The platform refused this (status {response.status_code})."
