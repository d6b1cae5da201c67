# SPDX-License-Identifier: AGPL-3.0-only
"""A developer's machine works at once with the LMS, the MFEs and the exam content of the platform's own environment."""

import importlib
import json
import time
from typing import Any, Final

import jwt
import pytest
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.settings import development
from tests.factories import CourseStaffRoleFactory, ExamFactory, UserFactory

pytestmark = pytest.mark.django_db

#: The modulus of the key with which the development LMS verifies exam access tokens, as the platform publishes it.
EXAM_TOKEN_MODULUS: Final = (
    "o5cn3ljSRi6FaDEKTn0PS-oL9EFyv1pI7dRgffQLD1qf5D6sprmYfWWokSsrWig8u2y0HChSygR6Jn5KXBqQn6FpM0dDJLnWQDRXHLl3Ey1i"
)
LMS_MODULUS: Final = (
    "smKFSYowG6nNUAdeqH1jQQnH1PmIHphzBmwJ5vRf1vu48BUI5VcVtUWIPqzRK_LDSlZYh9D0YFL0ZTxIrlb6Tn3Xz7pYvpIAeYuQv3_H5p8t"
)


@pytest.fixture
def local(settings: Settings) -> Settings:
    """The keys and tokens of `edx_exams.settings.local`."""
    own = importlib.import_module("edx_exams.settings.local")
    settings.JWT_AUTH = dict(own.JWT_AUTH)
    settings.TOKEN_SIGNING = dict(own.TOKEN_SIGNING)
    return settings


def token_of_the_development_lms(username: str) -> str:
    """Signed with the secret that the development LMS shares with its services, for its audience and issuer."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "http://localhost:18000/oauth2",
        "aud": "lms-key",
        "iat": now,
        "exp": now + 300,
        "preferred_username": username,
        "email": f"{username}@example.com",
        "user_id": 77,
        "administrator": False,
        "version": "1.2.0",
    }
    return jwt.encode(claims, "lms-secret", "HS256")


def test_its_tokens_are_accepted_and_ours_verify_with_the_published_public_key(local: Settings) -> None:
    exam = ExamFactory.create()
    team = CourseStaffRoleFactory.create(
        user=UserFactory.create(username="edx", lms_user_id=77), course_id=exam.course_id
    )
    client = APIClient(headers={"Authorization": f"JWT {token_of_the_development_lms(team.user.username)}"})
    answer = client.get(f"/api/v1/access_tokens/exam_id/{exam.pk}")
    assert answer.status_code == 200, answer.content
    public: Any = RSAAlgorithm.from_jwk(development.PUBLIC_SIGNING_JWK)
    claims = jwt.decode(answer.json()["exam_access_token"], public, algorithms=["RS512"])
    assert (claims["lms_user_id"], claims["content_id"]) == (77, exam.content_id)


def test_the_keys_are_those_that_the_platform_publishes(local: Settings) -> None:
    (lms_key,) = json.loads(local.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"])["keys"]
    own_key = json.loads(local.TOKEN_SIGNING["JWT_PRIVATE_SIGNING_JWK"])
    assert (lms_key["kid"], own_key["kid"]) == ("devstack_key", "localdev_exam_token_key")
    assert lms_key["n"].startswith(LMS_MODULUS)
    assert own_key["n"].startswith(EXAM_TOKEN_MODULUS)
