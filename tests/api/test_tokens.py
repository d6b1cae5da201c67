# SPDX-License-Identifier: AGPL-3.0-only
"""Tokens that have been verified are remembered; what makes them invalid counts at once all the same."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import jwt
import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.api import tokens as verified_tokens
from edx_exams.apps.core.models import User
from tests import tokens
from tests.api.contract import API, assert_refused
from tests.conftest import ClientFor
from tests.tokens import Person

pytestmark = pytest.mark.django_db

PROVIDERS: Final = f"{API}/providers"
ADA: Final = Person("ada", 77, "ada@example.com", "Ada Lovelace")
ALGORITHMS: Final[tuple[tokens.Algorithm, ...]] = ("HS256", "RS512")


def client(by: str, algorithm: tokens.Algorithm, **claims: Any) -> APIClient:
    if by == "header":
        return APIClient(headers=ADA.authorization(algorithm, **claims))
    made = APIClient()
    made.cookies.load(ADA.cookies(algorithm, **claims))
    return made


@pytest.mark.parametrize("by", ["header", "cookies"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "case",
    [
        ("exp", -30, 60, 200),
        ("exp", -30, 10, 401),
        ("exp", -30, None, 401),
        ("iat", 30, 60, 200),
        ("iat", 30, 10, 401),
        ("nbf", 30, 60, 200),
        ("nbf", 30, 10, 401),
    ],
)
def test_leeway_applies_to_all_times(
    by: str, algorithm: tokens.Algorithm, case: tuple[str, int, int | None, int], settings: Settings
) -> None:
    claim, seconds, leeway, status = case
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_LEEWAY": leeway}
    asking = client(by, algorithm, **{claim: int(time.time()) + seconds})
    for _ in range(2):  # verified, then remembered
        assert asking.get(PROVIDERS).status_code == status


CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "key set emptied": {"JWT_PUBLIC_SIGNING_JWK_SET": '{"keys": []}'},
    "key set removed": {"JWT_PUBLIC_SIGNING_JWK_SET": None},
    "issuer": {"JWT_ISSUERS": [{"ISSUER": "x", "SECRET_KEY": tokens.SECRET, "AUDIENCE": tokens.AUDIENCE}]},
    "audience": {"JWT_ISSUERS": [{"ISSUER": tokens.ISSUER, "SECRET_KEY": tokens.SECRET, "AUDIENCE": "x"}]},
    "versions": {"JWT_SUPPORTED_VERSION": "0.9.0"},
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_remembered_token_is_refused_at_once_after_a_change_of(
    what: str, algorithm: tokens.Algorithm, settings: Settings
) -> None:
    asking = client("header", algorithm)
    assert asking.get(PROVIDERS).status_code == 200
    trusted = settings.JWT_AUTH
    settings.JWT_AUTH = {**trusted, **CHANGES[what]}
    assert_refused(asking.get(PROVIDERS), 401)
    settings.JWT_AUTH = trusted
    assert asking.get(PROVIDERS).status_code == 200


def test_a_rotated_key_refuses_what_the_old_one_signed_and_a_set_of_both_takes_it(settings: Settings) -> None:
    asking = client("header", "RS512")
    assert asking.get(PROVIDERS).status_code == 200
    both = settings.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"]
    settings.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"] = tokens.another_jwk_set()  # in place: no signal tells of it
    assert_refused(asking.get(PROVIDERS), 401)
    settings.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"] = both
    assert asking.get(PROVIDERS).status_code == 200


def test_a_changed_secret_refuses_what_the_old_one_signed(settings: Settings) -> None:
    asking = client("header", "HS256")
    assert asking.get(PROVIDERS).status_code == 200
    issuer = {"ISSUER": tokens.ISSUER, "SECRET_KEY": "another-secret-of-32-characters!", "AUDIENCE": tokens.AUDIENCE}
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_ISSUERS": [issuer]}
    assert_refused(asking.get(PROVIDERS), 401)


@pytest.mark.parametrize("leeway", [0, 30])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_remembered_token_expires_to_the_second(algorithm: tokens.Algorithm, leeway: int, settings: Settings) -> None:
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_LEEWAY": leeway}
    expiry = int(time.time()) + 600
    token = ADA.token(algorithm, exp=expiry)
    for moment in (None, expiry + leeway - 0.01):
        assert verified_tokens.verify(token, moment).claims["exp"] == expiry
    with pytest.raises(jwt.ExpiredSignatureError):
        verified_tokens.verify(token, expiry + leeway)


def test_whoever_is_deactivated_is_kept_out_at_once(as_learner: APIClient, learner: User) -> None:
    assert as_learner.get(PROVIDERS).status_code == 200
    User.objects.filter(pk=learner.pk).update(is_active=False)
    assert_refused(as_learner.get(PROVIDERS), 403)


def test_a_key_that_is_revoked_while_a_token_of_it_is_verified_is_not_trusted_afterwards(settings: Settings) -> None:
    old = settings.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"]
    token = ADA.token("RS512", jti="in mid-flight")
    with ThreadPoolExecutor(4) as threads:
        verified = threads.map(lambda _: verified_tokens.verify(token), range(20))
        assert all(one.claims["user_id"] == 77 for one in verified)
    settings.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"] = tokens.another_jwk_set()
    with ThreadPoolExecutor(4) as threads, pytest.raises(jwt.InvalidTokenError):
        list(threads.map(lambda _: verified_tokens.verify(token), range(20)))
    settings.JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"] = old


def test_a_restricted_token_is_refused_each_time(client_for: ClientFor) -> None:
    asking = client("header", "RS512", is_restricted=True)
    for _ in range(2):
        assert_refused(asking.get(PROVIDERS), 403)


def test_a_remembered_token_gives_what_its_person_may_now(as_course_team: APIClient, course_team: User) -> None:
    path = f"{API}/exams/course_id/{course_team.coursestaffrole_set.get().course_id}"
    assert as_course_team.get(path).status_code == 200
    course_team.coursestaffrole_set.all().delete()
    assert_refused(as_course_team.get(path), 403)


def test_no_more_tokens_are_remembered_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: Any = verified_tokens._remembered
    remembered.clear()  # of what tests before have left
    monkeypatch.setattr(remembered, "_max_entries", 50)
    for number in range(200):
        verified_tokens.verify(ADA.token(jti=str(number)))
        assert len(remembered._cache) <= 50


def test_what_is_remembered_of_a_token_is_neither_it_nor_shared() -> None:
    token = ADA.token(jti="x")
    verified_tokens.verify(token)
    first = verified_tokens.decode(token)
    first["administrator"] = True
    assert verified_tokens.decode(token)["administrator"] is False
    remembered: Any = verified_tokens._remembered
    assert not any(token in key for key in remembered._cache)
