# SPDX-License-Identifier: AGPL-3.0-only
"""Whose request it is: the LMS's token, in a header or in two cookies, and what is no such token."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from tests import tokens
from tests.api.conftest import Unchanged
from tests.api.contract import API, OPERATIONS, PATHS, assert_refused
from tests.conftest import CountStatements, person
from tests.factories import COURSE_ID, ExamFactory, UserFactory
from tests.tokens import Person

pytestmark = pytest.mark.django_db

PROVIDERS: Final = f"{API}/providers"
SOME_IDS: Final = {"course_id": COURSE_ID, "content_id": "x", "exam_id": 1, "attempt_id": 1, "allowance_id": 1}
ADA: Final = Person("ada", 77, "ada@example.com", "Ada Lovelace")


def ask(headers: Mapping[str, str]) -> Any:
    return APIClient().get(PROVIDERS, headers=dict(headers))


# Tokens that are good


@pytest.mark.parametrize("algorithm", ["HS256", "RS512"])
def test_a_token_in_the_header_introduces_its_person(algorithm: tokens.Algorithm) -> None:
    assert ask(ADA.authorization(algorithm)).status_code == 200
    user = User.objects.get()
    assert (user.username, user.lms_user_id, user.email, user.full_name, user.is_staff) == (
        "ada",
        77,
        "ada@example.com",
        "Ada Lovelace",
        False,
    )
    assert not user.has_usable_password() or not user.password


@pytest.mark.parametrize("headers", [{}, {"USE-JWT-COOKIE": "true"}])
def test_a_token_in_two_cookies_introduces_its_person(headers: dict[str, str]) -> None:
    client = APIClient(headers=headers)
    client.cookies.load(ADA.cookies())
    assert client.get(PROVIDERS).status_code == 200
    assert User.objects.get().lms_user_id == 77


@pytest.mark.parametrize("missing", [tokens.HEADER_PAYLOAD_COOKIE, tokens.SIGNATURE_COOKIE])
def test_one_cookie_of_the_two_is_nothing(missing: str) -> None:
    client = APIClient(headers={"USE-JWT-COOKIE": "true"})
    client.cookies.load({name: value for name, value in ADA.cookies().items() if name != missing})
    assert_refused(client.get(PROVIDERS), 401)
    assert not User.objects.exists()


def test_the_token_counts_and_not_the_session_of_someone_else(learner: User) -> None:
    client = APIClient()
    client.force_login(learner)
    client.cookies.load(ADA.cookies())
    assert client.get(f"{API}/exams/attempt/latest").status_code == 200
    assert User.objects.filter(username="ada").exists()


def test_a_session_is_no_credential(learner: User) -> None:
    client = APIClient()
    client.force_login(learner)
    assert_refused(client.get(PROVIDERS), 401)


def test_a_token_of_studio_has_no_user_id_and_makes_staff() -> None:
    studio = Person("studio_worker", administrator=True)
    client = APIClient(headers=studio.authorization())
    assert client.patch(f"{API}/exams/course_id/{COURSE_ID}", [], format="json").status_code == 200
    user = User.objects.get()
    assert (user.is_staff, user.lms_user_id) == (True, None)


def test_later_tokens_bring_the_person_up_to_date() -> None:
    ask(ADA.authorization())
    ask(ADA.authorization(email="ada@new.example.com", administrator=True, name="Countess Lovelace"))
    user = User.objects.get()
    assert (user.email, user.is_staff, user.full_name, user.lms_user_id) == (
        "ada@new.example.com",
        True,
        "Countess Lovelace",
        77,
    )


def test_staff_that_are_none_any_more_lose_it_with_their_next_token() -> None:
    ask(ADA.authorization(administrator=True))
    answer = APIClient(headers=ADA.authorization()).get(f"{API}/exams/course_id/{COURSE_ID}")
    assert_refused(answer, 403)
    assert not User.objects.get().is_staff


def test_a_claim_that_a_token_lacks_leaves_what_is_known() -> None:
    ask(ADA.authorization())
    ask(ADA.authorization(user_id=None, email=None, name=None, administrator=None))
    user = User.objects.get()
    assert (user.lms_user_id, user.email, user.full_name) == (77, "ada@example.com", "Ada Lovelace")


@pytest.mark.parametrize("claim", ["name", "full_name"])
def test_the_full_name_comes_by_either_claim(claim: str) -> None:
    claims = {"name": None, claim: "A. L."}
    ask({"Authorization": f"JWT {tokens.sign(ADA.claims(**claims))}"})
    assert User.objects.get().full_name == "A. L."


def test_names_in_any_script_are_kept() -> None:
    ask(ADA.authorization(name="Ада Лавлейс 🎓"))
    assert User.objects.get().full_name == "Ада Лавлейс 🎓"


def test_a_person_who_is_known_costs_one_read_and_no_write(learner: User, at_most: CountStatements) -> None:
    headers = person(learner).authorization()
    with at_most(2):  # the person, the providers
        assert ask(headers).status_code == 200


# Tokens that are not


def _forged() -> str:
    header, payload, signature = ADA.token().split(".")
    other = json.loads(base64.urlsafe_b64decode(f"{payload}==")) | {"administrator": True}
    return f"{header}.{_segment(other)}.{signature}"


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _hs256_with_the_public_key() -> str:
    """Algorithm confusion: the public key, which anyone has, as the secret of a symmetric signature."""
    pem = tokens.signing_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _hs256(pem)


def _hs256(secret: bytes) -> str:
    signed = f"{_segment({'alg': 'HS256', 'typ': 'JWT', 'kid': tokens.KEY_ID})}.{_segment(ADA.claims())}"
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _rs512_with_another_key() -> str:
    another = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(ADA.claims(), another, "RS512", headers={"kid": tokens.KEY_ID})


BAD_TOKENS: Final[Mapping[str, Callable[[], str]]] = {
    "forged": _forged,
    "signed with another secret": lambda: jwt.encode(ADA.claims(), "x" * 32, "HS256"),
    "signed with an empty secret": lambda: _hs256(b""),
    "signed with another private key": _rs512_with_another_key,
    "signed symmetrically with the public key": _hs256_with_the_public_key,
    "signed symmetrically with the key set": lambda: _hs256(tokens.public_jwk_set().encode()),
    "of another algorithm": lambda: jwt.encode(ADA.claims(), tokens.SECRET, "HS512"),
    "unsigned": lambda: jwt.encode(ADA.claims(), "", "none"),
    "unsigned, in capitals": lambda: f"{_segment({'alg': 'NONE', 'typ': 'JWT'})}.{_segment(ADA.claims())}.",
    "without its signature": lambda: ADA.token().rpartition(".")[0] + ".",
    "expired": lambda: ADA.token(exp=1),
    "without expiry": lambda: ADA.token(exp=None),
    "without time of issue": lambda: ADA.token(iat=None),
    "with odd expiry": lambda: ADA.token(exp="tomorrow"),
    "of another issuer": lambda: ADA.token(iss="http://elsewhere.example.com/oauth2"),
    "without issuer": lambda: ADA.token(iss=None),
    "for another audience": lambda: ADA.token(aud="someone-else"),
    "without audience": lambda: ADA.token(aud=None),
    "of a version to come": lambda: ADA.token(version="99.0.0"),
    "of an odd version": lambda: ADA.token(version={"a": 1}),
    "nameless": lambda: ADA.token(preferred_username=None),
    "no token": lambda: "a.b.c",
    "one word": lambda: "token",
    "two words": lambda: f"{ADA.token()} {ADA.token()}",
    "empty": lambda: "",
    "not ASCII": lambda: "é.è.ê",
    "long": lambda: "x" * 100_000,
    "a list": lambda: f"{_segment({'alg': 'HS256'})}.{_segment([])}.x",
}


@pytest.mark.parametrize("what", BAD_TOKENS)
def test_a_bad_token_in_the_header_is_401(what: str, unchanged: Unchanged) -> None:
    with unchanged():
        answer = ask({"Authorization": f"JWT {BAD_TOKENS[what]()}"})
        assert_refused(answer, 401)


@pytest.mark.parametrize("what", [what for what in BAD_TOKENS if BAD_TOKENS[what]().count(".") == 2])
def test_a_bad_token_in_cookies_is_401(what: str, unchanged: Unchanged) -> None:
    head, payload, signature = BAD_TOKENS[what]().split(".")
    client = APIClient(headers={"USE-JWT-COOKIE": "true"})
    client.cookies.load({tokens.HEADER_PAYLOAD_COOKIE: f"{head}.{payload}", tokens.SIGNATURE_COOKIE: signature or "-"})
    with unchanged():
        assert_refused(client.get(PROVIDERS), 401)


@pytest.mark.parametrize("prefix", ["Bearer", "Token", "Basic", "", "JWTx"])
def test_a_token_with_another_prefix_is_none(prefix: str, unchanged: Unchanged) -> None:
    with unchanged():
        assert_refused(ask({"Authorization": f"{prefix} {ADA.token()}".strip()}), 401)


def test_a_401_says_how_to_authenticate() -> None:
    assert ask({}).headers["WWW-Authenticate"].startswith("JWT")


@pytest.mark.parametrize("key_set", [None, "", "{}", '{"keys": []}', "null", "[]", "no JSON", {"keys": []}])
def test_without_the_keys_of_the_lms_no_token_is_good(key_set: Any, settings: Settings, unchanged: Unchanged) -> None:
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": key_set}
    with unchanged():
        assert_refused(ask(ADA.authorization("HS256")), 401)
        assert_refused(ask(ADA.authorization("RS512")), 401)
        client = APIClient()
        client.cookies.load(ADA.cookies())
        assert_refused(client.get(PROVIDERS), 401)


def test_a_setting_for_the_keys_that_is_not_there_is_as_one_without_keys(
    settings: Settings, unchanged: Unchanged
) -> None:
    settings.JWT_AUTH = {k: v for k, v in settings.JWT_AUTH.items() if k != "JWT_PUBLIC_SIGNING_JWK_SET"}
    with unchanged():
        assert_refused(ask(ADA.authorization()), 401)


MALFORMED_CLAIMS: Final[list[dict[str, Any]]] = [
    {"user_id": "77"}, {"user_id": 2**31}, {"user_id": 2**63}, {"user_id": -1}, {"user_id": 1.5}, {"user_id": True},
    {"user_id": [7]}, {"user_id": {}},
    {"administrator": "yes"}, {"administrator": 1}, {"administrator": []},
    {"preferred_username": ""}, {"preferred_username": 5}, {"preferred_username": ["ada"]},
    {"preferred_username": {"a": 1}}, {"preferred_username": True},
    {"preferred_username": "a\0b"}, {"preferred_username": "\ud800"}, {"preferred_username": "x" * 151},
    {"preferred_username": "ada~7"},
    {"preferred_username": " ada"}, {"preferred_username": "ada "}, {"preferred_username": "ada\u3000"},
    {"email": 7}, {"email": "a\0@example.com"}, {"email": "x" * 255}, {"email": ["a"]},
    {"name": "\0"}, {"name": "x" * 256}, {"name": {"first": "Ada"}}, {"user_id": 0},
    {"full_name": "\0"}, {"full_name": 5},
]  # fmt: skip


@pytest.mark.parametrize("claims", MALFORMED_CLAIMS, ids=lambda claims: json.dumps(claims)[:50])
@pytest.mark.parametrize("by", ["header", "cookies"])
def test_a_malformed_claim_is_401_and_leaves_no_user(claims: dict[str, Any], by: str, unchanged: Unchanged) -> None:
    client = APIClient()
    if by == "header":
        client.credentials(HTTP_AUTHORIZATION=f"JWT {ADA.token(**claims)}")
    else:
        client.cookies.load(ADA.cookies(**claims))
    with unchanged():
        assert_refused(client.get(PROVIDERS), 401)


def test_a_malformed_claim_leaves_a_known_user_as_they_are(learner: User, unchanged: Unchanged) -> None:
    headers = person(learner).authorization(email="new@example.com", user_id="a")
    with unchanged():
        assert_refused(ask(headers), 401)


def test_no_credentials_are_401_before_anything_else_is_looked_at(as_nobody: APIClient, unchanged: Unchanged) -> None:
    exam = ExamFactory.create()
    with unchanged():
        for path in (f"access_tokens/exam_id/{exam.pk}", "access_tokens/exam_id/0", "exams/attempt/latest"):
            assert_refused(as_nobody.get(f"{API}/{path}"), 401)
        assert_refused(as_nobody.post(f"{API}/exams/attempt", "{no JSON", content_type="application/json"), 401)


def test_neither_token_nor_person_gets_into_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ask(ADA.authorization())
    ask(ADA.authorization(email="other@example.com"))
    token = _forged()
    ask({"Authorization": f"JWT {token}"})
    said = caplog.text + "".join(capfd.readouterr())
    for secret in ("ada@example.com", "other@example.com", "Lovelace", token, token.split(".")[1]):
        assert secret not in said


# Rights


def course_exams(headers: Mapping[str, str]) -> int:
    """Status of the answer to somebody who asks for what is staff's alone."""
    answer: Any = APIClient().get(f"{API}/exams/course_id/{COURSE_ID}", headers=dict(headers))
    return int(answer.status_code)


@pytest.mark.parametrize(
    ("algorithm", "claims", "status"),
    [
        ("RS512", {"administrator": None}, 403),
        ("RS512", {"administrator": False}, 403),
        ("RS512", {"administrator": True}, 200),
        ("HS256", {"administrator": None}, 200),
    ],
)
def test_stored_rights_of_global_staff_need_the_tokens_word(
    algorithm: tokens.Algorithm, claims: dict[str, Any], status: int, global_staff: User
) -> None:
    assert course_exams(person(global_staff).authorization(algorithm, **claims)) == status
    global_staff.refresh_from_db()
    assert global_staff.is_staff == (claims["administrator"] is not False)


def test_a_workers_token_without_an_id_gives_nobody_an_operators_rights(global_staff: User) -> None:
    """Whoever registers the operator's name in the LMS can have a token that says neither id nor administrator."""
    global_staff.set_password("a local one")
    global_staff.save()
    claims = {"user_id": None, "administrator": None}
    assert course_exams(person(global_staff).authorization("HS256", **claims)) == 401
    assert course_exams(person(global_staff).authorization("HS256", user_id=None)) == 200


def test_an_operators_name_registered_in_the_lms_is_refused(unchanged: Unchanged) -> None:
    UserFactory.create(username="operator1", lms_user_id=None, is_staff=True, is_superuser=True)
    with unchanged():
        for algorithm in ("HS256", "RS512"):
            detail = assert_refused(ask(Person("operator1", 9000).authorization(algorithm)), 401)["detail"]
            assert "operators" in detail
    assert ask(Person("operator1", 9000, administrator=True).authorization("RS512")).status_code == 200
    assert User.objects.get().lms_user_id == 9000


@pytest.mark.parametrize("by", ["header", "cookies"])
def test_who_is_not_active_is_told_so_everywhere(by: str, unchanged: Unchanged) -> None:
    UserFactory.create(username="ada", lms_user_id=77, is_active=False)
    client = APIClient()
    if by == "header":
        client.credentials(HTTP_AUTHORIZATION=f"JWT {ADA.token(email='new@example.com')}")
    else:
        client.cookies.load(ADA.cookies(email="new@example.com"))
    with unchanged():
        for operation in OPERATIONS:
            if by == "cookies" and operation.name == "retirement":
                continue  # for the platform's pipeline, whose token comes in the header
            answer = client.generic(operation.method, API + PATHS[operation.name].format_map(SOME_IDS))
            assert "deactivated" in assert_refused(answer, 403)["detail"]


def test_a_freed_name_brings_nothing_but_itself(course_team: User) -> None:
    newcomer = Person(course_team.username, 9000, "newcomer@example.com")
    assert course_exams(newcomer.authorization("RS512")) == 403
    old = person(course_team)
    assert course_exams(old.authorization("RS512", preferred_username="renamed")) == 200
    assert course_exams(newcomer.authorization("RS512")) == 403
    assert set(User.objects.values_list("username", "lms_user_id")) == {
        ("renamed", course_team.lms_user_id),
        (course_team.username, 9000),
    }


@pytest.mark.parametrize("full_name", ["Ada 😀", "𠮷田", "half \ud83d"])
def test_a_name_that_cannot_be_stored_lets_its_person_in(full_name: str) -> None:
    assert ask(ADA.authorization(name=full_name)).status_code == 200
    assert User.objects.get().username == "ada"


@pytest.mark.parametrize("algorithm", ["HS256", "RS512"])
def test_a_token_without_an_id_does_not_touch_an_account_that_signs_in_here(algorithm: tokens.Algorithm) -> None:
    operator = User.objects.create_superuser("root", "root@example.org", "a long password")
    person = Person("root", email="other@example.com")
    answer = APIClient(headers=person.authorization(algorithm)).get(f"{API}/providers")
    assert answer.status_code == 401
    stored = User.objects.get()
    assert (stored.is_staff, stored.email, stored.pk) == (True, "root@example.org", operator.pk)
    worker = Person("root", email="root@example.org", administrator=True)
    status = 200 if algorithm == "HS256" else 401  # a browser's token that says no id was asked for without it
    assert APIClient(headers=worker.authorization(algorithm)).get(f"{API}/providers").status_code == status


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ({"lms_user_id": None}, 200),
        ({"lms_user_id": 5}, 401),
        ({"lms_user_id": None, "is_staff": True}, 401),
        ({"lms_user_id": None, "is_superuser": True}, 401),
    ],
)
def test_a_browsers_token_without_an_id_is_nobody_who_has_one_or_rights(
    kind: dict[str, Any], status: int, unchanged: Unchanged
) -> None:
    UserFactory.create(username="ada", full_name="", **kind)
    for administrator in (None, False, True):
        with unchanged():
            headers = ADA.authorization("RS512", user_id=None, name=None, administrator=administrator)
            answer = ask(headers)
            assert answer.status_code == status
            assert status == 200 or "user_id" in answer.json()["detail"]
    assert ask(Person("newcomer").authorization("RS512")).status_code == 200


def test_a_worker_who_signed_in_once_has_the_rights_of_its_token(unchanged: Unchanged) -> None:
    """Its tokens have no id, so nothing of them is stored in the row of somebody who has one."""
    UserFactory.create(username="studio_worker", lms_user_id=5)
    with unchanged():
        assert course_exams(Person("studio_worker", administrator=True).authorization()) == 200
        assert course_exams(Person("studio_worker").authorization()) == 403


def test_rights_that_were_taken_away_do_not_come_back_with_an_older_token() -> None:
    now = int(time.time())
    staff = [ADA.authorization("RS512", administrator=True, iat=now - age) for age in (60, 30)]
    assert [course_exams(headers) for headers in staff] == [200, 200]
    assert course_exams(ADA.authorization("RS512", iat=now - 30)) == 403
    assert [course_exams(headers) for headers in staff] == [403, 403]
    assert course_exams(ADA.authorization("RS512", administrator=True, iat=now)) == 200
    assert course_exams(ADA.authorization("RS512", iat=now - 30)) == 403
    assert course_exams(ADA.authorization("RS512", administrator=True, iat=now)) == 200
