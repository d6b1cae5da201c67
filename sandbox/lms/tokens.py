# SPDX-License-Identifier: AGPL-3.0-only
"""
The two kinds of token at the border between LMS and exam service, from the LMS's side.

It signs who somebody is, as a JWT split over two cookies, and checks the exam access tokens of the exam service.
"""

from __future__ import annotations

import hashlib
import time
from functools import cache
from typing import Any, Final

import jwt
from django.http import HttpResponse

from sandbox import keys
from sandbox.environment import JWT_AUDIENCE, JWT_ISSUER, this_sandbox
from sandbox.lms.people import Person

TOKEN_VERSION: Final = "1.2.0"
TOKEN_SECONDS: Final = 5 * 60
HEADER_PAYLOAD_COOKIE: Final = "edx-jwt-cookie-header-payload"
SIGNATURE_COOKIE: Final = "edx-jwt-cookie-signature"


class NoAccess(Exception):
    """An exam access token does not open this content; the text says why."""


def identity_token(person: Person, *, now: int | None = None) -> str:
    """
    The JWT that says who somebody is.

    :param now: moment of issue in seconds since 1970, by default the present
    """
    issued = int(time.time()) if now is None else now
    given_name, _, family_name = person.name.partition(" ")
    claims = {
        "aud": JWT_AUDIENCE,
        "iss": JWT_ISSUER,
        "iat": issued,
        "exp": issued + TOKEN_SECONDS,
        "version": TOKEN_VERSION,
        # The LMS puts an id here that says nothing about the person.
        "sub": hashlib.sha256(person.username.encode()).hexdigest()[:32],
        "preferred_username": person.username,
        "user_id": person.user_id,
        "name": person.name,
        "given_name": given_name,
        "family_name": family_name,
        "email": person.email,
        "email_verified": True,
        "administrator": person.administrator,
        "superuser": person.administrator,
        "scopes": ["user_id", "email", "profile"],
        "filters": ["user:me"],
        "is_restricted": False,
    }
    key = _signing_key()
    return jwt.encode(claims, key.key, algorithm=keys.ALGORITHM, headers={"kid": key.key_id})


def is_identity_of(token: str, person: Person) -> bool:
    """Check whether this is a token of ours that says so, and has not expired."""
    try:
        claims = jwt.decode(
            token, _own_public_key().key, algorithms=[keys.ALGORITHM], audience=JWT_AUDIENCE, issuer=JWT_ISSUER
        )
    except jwt.PyJWTError:
        return False
    return bool(claims.get("preferred_username") == person.username)


def set_identity_cookies(response: HttpResponse, person: Person) -> None:
    """Split a fresh token over two cookies: what JavaScript may read, and the signature that it may not."""
    header_payload, _, signature = identity_token(person).rpartition(".")
    for name, value, hidden in ((HEADER_PAYLOAD_COOKIE, header_payload, False), (SIGNATURE_COOKIE, signature, True)):
        response.set_cookie(name, value, max_age=TOKEN_SECONDS, httponly=hidden, samesite="Lax")


def delete_identity_cookies(response: HttpResponse) -> None:
    """Sign the browser out of every service that trusts the cookies."""
    for name in (HEADER_PAYLOAD_COOKIE, SIGNATURE_COOKIE):
        response.delete_cookie(name, samesite="Lax")


def check_exam_access(token: str, person: Person, *, course_id: str, content_id: str) -> None:
    """
    Check an exam access token as the LMS does before it renders an exam's content.

    :raises NoAccess: it is not the exam service's, has expired, or is for another person or content
    """
    if not token:
        raise NoAccess("This section is an exam. Its content opens with an exam access token only.")
    try:
        claims = _decoded_exam_access(token)
    except jwt.ExpiredSignatureError:
        raise NoAccess("The exam access token has expired.") from None
    except jwt.PyJWTError:
        raise NoAccess("The exam access token is not one of the exam service's.") from None
    if claims["lms_user_id"] != person.user_id:
        raise NoAccess("The exam access token is somebody else's.")
    if (claims["course_id"], claims["content_id"]) != (course_id, content_id):
        raise NoAccess("The exam access token is for other content.")


def _decoded_exam_access(token: str) -> dict[str, Any]:
    required = ["exp", "iat", "lms_user_id", "course_id", "content_id"]
    unknown = jwt.InvalidTokenError("signed by none of the known keys")
    for key in _exam_service_keys():
        try:
            return dict(jwt.decode(token, key.key, algorithms=[keys.ALGORITHM], options={"require": required}))
        except jwt.InvalidSignatureError:
            continue
    raise unknown


@cache
def _signing_key() -> jwt.PyJWK:
    return jwt.PyJWK.from_json(keys.private_key(this_sandbox().keys, keys.LMS))


@cache
def _own_public_key() -> jwt.PyJWK:
    return jwt.PyJWKSet.from_json(keys.public_keys(this_sandbox().keys, keys.LMS)).keys[0]


@cache
def _exam_service_keys() -> list[jwt.PyJWK]:
    return jwt.PyJWKSet.from_json(keys.public_keys(this_sandbox().keys, keys.EXAMS)).keys
