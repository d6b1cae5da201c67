# SPDX-License-Identifier: AGPL-3.0-only
"""A vendor of proctoring: a tool with keys of its own, what it signs, and pylti1p3, by other hands, as its reader."""

import json
import time
import uuid
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client, RequestFactory
from jwt.algorithms import RSAAlgorithm
from pylti1p3.contrib.django.message_launch import DjangoMessageLaunch
from pylti1p3.exception import LtiException
from pylti1p3.tool_config.dict import ToolConfDict

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiTool
from tests.conftest import person
from tests.factories import ExamFactory, ProviderFactory

PLATFORM: Final = "http://testserver"
LTI: Final = "https://purl.imsglobal.org/spec/lti/claim/"
AP: Final = "https://purl.imsglobal.org/spec/lti-ap/claim/"
SCOPE: Final = "https://purl.imsglobal.org/spec/lti-ap/scope/control.all"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
CONTROL_TYPE: Final = "application/vnd.ims.lti-ap.v1.control+json"
AUTHORIZE: Final = "/lti/lti_consumer/v1/launch/"
START_ASSESSMENT: Final = "/lti/lti_consumer/v1/start_proctoring_assessment"


@dataclass(frozen=True)
class In:
    """A time so many seconds from now, when the message is made."""

    seconds: int

    def __str__(self) -> str:
        return f"in {self.seconds} s"

    __repr__ = __str__


def dated(claims: dict[str, Any]) -> dict[str, Any]:
    """Claims with real times in place of relative ones."""
    now = int(time.time())
    return {name: now + value.seconds if isinstance(value, In) else value for name, value in claims.items()}


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key pair, made once a process."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def pem_of(key: rsa.RSAPrivateKey) -> str:
    """The public half."""
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form).decode()


def private_pem_of(key: rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def jwk_of(key: rsa.RSAPrivateKey, kid: str | None) -> dict[str, Any]:
    jwk = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", "alg": "RS256"}
    return jwk if kid is None else {**jwk, "kid": kid}


class ProctoringLaunch(DjangoMessageLaunch):
    """pylti1p3's launch, taught that proctoring's two messages exist; every other check is its own."""

    def validate_message(self) -> "ProctoringLaunch":
        body = self._get_jwt_body()
        if body.get(f"{LTI}message_type") in ("LtiStartProctoring", "LtiEndAssessment"):
            if not body.get("sub") or body.get(f"{LTI}version") != "1.3.0" or body.get(f"{LTI}roles") is None:
                raise LtiException("a required claim is missing")
            return self
        super().validate_message()
        return self


class Form(HTMLParser):
    """The form of a page: where it goes, and its hidden fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.target: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action, self.target = given.get("action") or "", given.get("target")
        elif tag == "input":
            self.fields[given["name"] or ""] = given["value"] or ""


def form_of(response: Any) -> Form:
    return Form(response.content.decode())


@dataclass
class Vendor:
    """A registered tool and its private key."""

    tool: LtiTool
    key: rsa.RSAPrivateKey
    kid: str = "vendor-key"

    def sign(self, claims: dict[str, Any], *, algorithm: str = "RS256", key: Any = None, **header: Any) -> str:
        # Not `jwt.encode`, which refuses to make some of the messages that others may send.
        return jwt.PyJWS().encode(
            json.dumps(dated(claims)).encode(), key or self.key, algorithm, {"kid": self.kid, **header}
        )

    def start_assessment(self, launch: dict[str, Any], **changes: Any) -> str:
        """LtiStartAssessment in answer to a launch; `changes` by short names, None leaves one out."""
        return self.sign(self.start_assessment_claims(launch, **changes))

    def start_assessment_claims(self, launch: dict[str, Any], **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.tool.client_id,
            "aud": PLATFORM,
            "exp": now + 300,
            "iat": now,
            "nonce": str(uuid.uuid4()),
            f"{LTI}message_type": "LtiStartAssessment",
            f"{LTI}version": "1.3.0",
            f"{LTI}deployment_id": self.tool.deployment_id,
            f"{LTI}resource_link": {"id": launch[f"{LTI}resource_link"]["id"]},
            f"{AP}attempt_number": launch[f"{AP}attempt_number"],
            f"{AP}session_data": launch[f"{AP}session_data"],
            f"{AP}end_assessment_return": True,
        }
        for name, value in changes.items():
            full = next((known for known in claims if known.rpartition("/")[2] == name), name)
            claims[full] = value
            if value is None:
                del claims[full]
        return claims

    def assertion(self, **changes: Any) -> str:
        """A client assertion."""
        return self.sign(self.assertion_claims(**changes))

    def assertion_claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": "https://vendor.example.com",
            "sub": self.tool.client_id,
            "aud": f"{PLATFORM}/lti/lti_consumer/v1/token/{self.tool.config_id}",
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token_form(self, assertion: str | None = None, **changes: Any) -> dict[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion or self.assertion(),
            "scope": SCOPE,
            **changes,
        }
        return {name: value for name, value in form.items() if value is not None}

    def ask_for_token(self, assertion: str | None = None, *, content_type: str = FORM_TYPE, **changes: Any) -> Any:
        body = urlencode(self.token_form(assertion, **changes), doseq=True)
        return Client().post(f"/lti/lti_consumer/v1/token/{self.tool.config_id}", body, content_type)

    def access_token(self) -> str:
        answer = self.ask_for_token()
        assert answer.status_code == 200, answer.content
        return str(answer.json()["access_token"])

    def control_body(self, attempt: ExamAttempt, action: str = "flag", **changes: Any) -> dict[str, Any]:
        body = {
            "user": {"sub": str(attempt.user.anonymous_user_id), "iss": PLATFORM},
            "resource_link": {"id": attempt.exam.resource_id},
            "attempt_number": attempt.attempt_number,
            "action": action,
            "incident_time": "2026-03-01T12:00:00Z",
            **changes,
        }
        return {name: value for name, value in body.items() if value is not ...}

    def control(self, attempt: ExamAttempt, action: str = "flag", *, token: str | None = None, **changes: Any) -> Any:
        return self.send_control(self.control_body(attempt, action, **changes), token=token)

    def send_control(self, body: Any, *, token: str | None = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes | str) else json.dumps(body)
        return Client().post(
            f"/lti/{self.tool.pk}/acs",
            content,
            content_type=CONTROL_TYPE,
            headers={"Authorization": f"Bearer {token or self.access_token()}", **headers},
        )

    def read_launch(self, form: Form, platform_keys: dict[str, Any], *, nonce: str = "n-1") -> dict[str, Any]:
        """
        The launch that pylti1p3 reads from an id_token that came by a form.

        :raises LtiException: it does not accept it
        """
        registration: Any = {
            "default": True,
            "client_id": self.tool.client_id,
            "auth_login_url": f"{PLATFORM}{AUTHORIZE}",
            "auth_token_url": f"{PLATFORM}/lti/lti_consumer/v1/token/{self.tool.config_id}",
            "key_set": platform_keys,
            "key_set_url": None,
            "private_key_file": "unused",
            "deployment_ids": [self.tool.deployment_id],
        }
        request = RequestFactory().post("/launch", form.fields)
        request.session = {f"lti1p3-nonce-{nonce}": True}  # type: ignore[assignment]
        request.COOKIES[f"lti1p3-{form.fields['state']}"] = form.fields["state"]
        launch: Any = ProctoringLaunch(  # type: ignore[no-untyped-call]
            request, ToolConfDict({PLATFORM: [registration]})
        )
        launch.set_jwt_verify_options({"verify_aud": False})
        return dict(launch.get_launch_data())


def register(name: str = "vendor", **fields: Any) -> Vendor:
    """A tool that is known here by its PEM key, with a browser extension, as those of the earlier service have."""
    key = rsa_key(name)
    tool = LtiTool.objects.create(
        name=name,
        oidc_login_url=f"https://{name}.example.com/login?tenant=7",
        launch_url=f"https://{name}.example.com/launch",
        **({"public_key": pem_of(key), "extension_answers": True} | fields),
    )
    platform_keys.store_key(tool, rsa_key(f"platform for {name}"))
    return Vendor(tool, key)


def proctored_exam(vendor: Vendor, **fields: Any) -> Exam:
    """An exam that the vendor proctors."""
    provider = ProviderFactory.create(lti_configuration_id=str(vendor.tool.pk))
    return ExamFactory.create(exam_type="proctored", provider=provider, **fields)


class FormClient(Client):
    """Posts forms as browsers and tools do; Django's own client makes multipart of them."""

    def post(self, path: str, data: Any = None, content_type: str = FORM_TYPE, **more: Any) -> Any:  # type: ignore[override]
        if isinstance(data, dict) and content_type == FORM_TYPE:
            data = urlencode(data, doseq=True)
        return super().post(path, data, content_type, **more)


class Browser(FormClient):
    """A learner's browser, which has the LMS's token and our launch cookie."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user

    def follow(self, path: str, **headers: str) -> Any:
        """Follow a link of the MFE."""
        return self.get(path, headers={**person(self.user).authorization(), **headers})

    def start(self, attempt: ExamAttempt) -> dict[str, str]:
        """Set out for the tool; what its login URL is told."""
        response = self.follow(f"/lti/start_proctoring/{attempt.pk}")
        assert response.status_code == 302, response.content
        return query_of(response)

    def authorize(self, told: dict[str, str], vendor: Vendor, **changes: Any) -> Any:
        """Come back for the id_token, as the tool says."""
        return self.post(AUTHORIZE, authentication_request(told, vendor, **changes))

    def launch(self, attempt: ExamAttempt, vendor: Vendor) -> dict[str, Any]:
        """Begin a launch and bring the tool its message; its claims."""
        return self.bring(self.start(attempt), vendor)

    def bring(self, told: dict[str, str], vendor: Vendor) -> dict[str, Any]:
        response = self.authorize(told, vendor)
        assert response.status_code == 200, response.content
        form = form_of(response)
        assert "id_token" in form.fields, form.fields
        return vendor.read_launch(form, platform_keys.key_set(vendor.tool))

    def answer(self, message: str) -> Any:
        """Bring us the tool's LtiStartAssessment."""
        return self.post(START_ASSESSMENT, {"JWT": message})


def query_of(response: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def authentication_request(told: dict[str, str], vendor: Vendor, **changes: Any) -> dict[str, Any]:
    """Parameters of a tool's authentication request."""
    request = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": vendor.tool.client_id,
        "redirect_uri": vendor.tool.launch_url,
        "nonce": "n-1",
        "state": "lti1p3-state",
        "login_hint": told["login_hint"],
        "lti_message_hint": told["lti_message_hint"],
        **changes,
    }
    return {name: value for name, value in request.items() if value is not None}
