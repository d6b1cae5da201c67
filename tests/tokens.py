# SPDX-License-Identifier: AGPL-3.0-only
"""
JSON Web Tokens as the LMS issues them, for every test that speaks to the API.

Two kinds are in use: HS256 with the secret that the LMS shares with us (Studio, workers), and RS512 with a key that
only the LMS has (the browser's, also as a pair of cookies). The RSA key is made once per process; whoever shall trust
it gets :func:`public_jwk_set`.
"""

import json
import time
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

SECRET: Final = "lms-secret"
AUDIENCE: Final = "lms-key"
ISSUER: Final = "http://localhost:18000/oauth2"
KEY_ID: Final = "lms-test-key"
LIFETIME_SECONDS: Final = 3600

HEADER_PAYLOAD_COOKIE: Final = "edx-jwt-cookie-header-payload"
SIGNATURE_COOKIE: Final = "edx-jwt-cookie-signature"

Algorithm = Literal["HS256", "RS512"]


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """The LMS's private key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def public_jwk_set() -> str:
    """The LMS's public key as the JSON text that ``JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"]`` holds."""
    return _jwk_set(signing_key())


@cache
def another_jwk_set() -> str:
    """The same of a key with which the LMS signs nothing."""
    return _jwk_set(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _jwk_set(key: rsa.RSAPrivateKey) -> str:
    jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return json.dumps({"keys": [{**jwk, "kid": KEY_ID, "use": "sig", "alg": "RS512"}]})


def sign(claims: dict[str, Any], algorithm: Algorithm = "HS256") -> str:
    """
    Sign claims as the LMS does.

    :param claims: the whole payload
    :param algorithm: HS256 with the shared secret, or RS512 with the LMS's own key
    """
    if algorithm == "HS256":
        return jwt.encode(claims, SECRET, algorithm)
    return jwt.encode(claims, signing_key(), algorithm, headers={"kid": KEY_ID})


@dataclass(frozen=True, slots=True)
class Person:
    """
    Somebody who has an account in the LMS.

    :param lms_user_id: absent in the tokens of Studio and of workers
    :param email: by default made of the user name
    :param administrator: global staff
    """

    username: str
    lms_user_id: int | None = None
    email: str = ""
    full_name: str = ""
    administrator: bool = False

    def claims(self, **changes: Any) -> dict[str, Any]:
        """
        The payload of this person's token.

        :param changes: claims that a test wants different; ``None`` leaves one out
        """
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "version": "1.2.0",
            "sub": f"anonymous-{self.username}",
            "preferred_username": self.username,
            "user_id": self.lms_user_id,
            "email": self.email or f"{self.username}@example.com",
            "email_verified": True,
            "name": self.full_name,
            "administrator": self.administrator,
            "superuser": False,
            "scopes": ["user_id", "email", "profile"],
            "filters": [],
            "is_restricted": False,
            **changes,
        }
        return {claim: value for claim, value in claims.items() if value is not None}

    def token(self, algorithm: Algorithm = "HS256", **changes: Any) -> str:
        """This person's token; ``changes`` as in :meth:`claims`."""
        return sign(self.claims(**changes), algorithm)

    def authorization(self, algorithm: Algorithm = "HS256", **changes: Any) -> dict[str, str]:
        """The request header that carries the token: what services send."""
        return {"Authorization": f"JWT {self.token(algorithm, **changes)}"}

    def cookies(self, algorithm: Algorithm = "RS512", **changes: Any) -> dict[str, str]:
        """The two cookies that carry the token: what a browser sends."""
        header, payload, signature = self.token(algorithm, **changes).split(".")
        return {HEADER_PAYLOAD_COOKIE: f"{header}.{payload}", SIGNATURE_COOKIE: signature}
