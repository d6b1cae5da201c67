# SPDX-License-Identifier: AGPL-3.0-only
"""The key of `TOKEN_SIGNING`, with which the service signs exam access tokens."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import RSAAlgorithm, get_default_algorithms

#: What follows from the primes, or from n, e and d alone (RFC 7518, section 6.3.2).
_DERIVED: Final = ("p", "q", "dp", "dq", "qi")
#: What a token of a probe says.
_PROBE: Final = {"probe": "edx_exams"}


class UnusableSigningKey(ValueError):
    """The key cannot sign. The text names the cause and holds no part of the key."""


class SigningKey(NamedTuple):
    """A private key, the algorithm to sign with, and the headers that name the key in a token."""

    key: RSAPrivateKey
    algorithm: str
    headers: Mapping[str, str]

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a JWT with these claims."""
        return jwt.encode(dict(claims), self.key, algorithm=self.algorithm, headers=dict(self.headers))


@lru_cache(maxsize=2)
def signing_key(jwk: str, algorithm: str) -> SigningKey:
    """
    Parse a private RSA key, once a process: it takes longer than twenty signatures.

    A key without all of dp, dq and qi is completed from n, e and d.

    :param jwk: JSON text of the key (RFC 7517)
    :param algorithm: of RSA, such as `RS512`
    :raises UnusableSigningKey: it is not such a key, or cannot sign with this algorithm
    """
    parsed = _parsed(jwk)
    # Outside of any `except`: a chained exception of the library would carry the key into a traceback.
    key = _private_key(parsed)
    if key is None:
        message = "is not a valid private RSA key: n, e and d must belong together"
        raise UnusableSigningKey(message)
    if not isinstance(get_default_algorithms().get(algorithm), RSAAlgorithm):
        message = f"cannot sign with the algorithm {algorithm!r}: use RS512"
        raise UnusableSigningKey(message)
    made = SigningKey(key, algorithm, {"kid": parsed["kid"]} if isinstance(parsed.get("kid"), str) else {})
    if not _signs(made):
        message = f"is too short for the algorithm {algorithm!r}: use 2048 bits or more"
        raise UnusableSigningKey(message)
    return made


def _parsed(jwk: object) -> dict[str, Any]:
    try:
        parsed = json.loads(jwk) if isinstance(jwk, str) else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        message = "is not the JSON text of a key"
        raise UnusableSigningKey(message)
    if not (parsed.get("kty") == "RSA" and all(isinstance(parsed.get(name), str) for name in ("n", "e", "d"))):
        message = "is not a private RSA key: it must have kty RSA, n, e and d"
        raise UnusableSigningKey(message)
    return parsed


def _private_key(jwk: Mapping[str, Any]) -> RSAPrivateKey | None:
    """Return the key, or None where its numbers make none."""
    wanted = dict(jwk)
    if not all(isinstance(jwk.get(name), str) for name in _DERIVED):
        wanted = {name: value for name, value in jwk.items() if name not in _DERIVED}
    try:
        key = RSAAlgorithm.from_jwk(wanted)
    except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError):
        return None
    return key if isinstance(key, RSAPrivateKey) else None


def _signs(key: SigningKey) -> bool:
    """Sign a probe and verify it."""
    try:
        token = key.sign(_PROBE)
        return bool(jwt.decode(token, key.key.public_key(), algorithms=[key.algorithm]) == _PROBE)
    except (jwt.PyJWTError, ValueError, TypeError):
        return False
