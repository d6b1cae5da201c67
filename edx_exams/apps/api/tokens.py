# SPDX-License-Identifier: AGPL-3.0-only
"""
Verification of the LMS's JWTs.

A browser sends the same token with each poll for an hour. So a token that has been verified is remembered by its hash
until it expires: in this process only, and not more of them than `MAX_REMEMBERED`. Its expiry is checked each time. The
hash covers the settings as well, so that a rotated key set or any other change of `JWT_AUTH` counts at once. The person
is not remembered: who a token names, and what they may do, is read from the database for every request.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, Self

import jwt
from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from edx_rest_framework_extensions.auth.jwt.decoder import unsafe_jwt_decode_handler
from edx_rest_framework_extensions.settings import get_jwt_issuers

#: Tokens; some 1.5 kB each.
MAX_REMEMBERED: Final = 10_000
#: Seconds for which a token is remembered at most.
_MAX_AGE: Final = 24 * 60 * 60

_remembered: Final = LocMemCache("verified-tokens", {"OPTIONS": {"MAX_ENTRIES": MAX_REMEMBERED}})

#: Algorithms by the kind of key; a key is never used with those of the other kind.
_ASYMMETRIC: Final = ("RS256", "RS512")
_SYMMETRIC: Final = ("HS256",)


class VerifiedToken(str):
    """A token whose signature, times, issuer and audience have been verified. `request.auth` is one."""

    __slots__ = ("claims", "is_symmetric")

    claims: Mapping[str, Any]
    #: Signed with the secret that the LMS shares with services: a worker's, never a browser's.
    is_symmetric: bool

    def __new__(cls, token: str, claims: Mapping[str, Any], *, is_symmetric: bool) -> Self:
        """Make one; for `verify` alone."""
        verified = super().__new__(cls, token)
        verified.claims, verified.is_symmetric = claims, is_symmetric
        return verified


def verify(token: str, now: float | None = None) -> VerifiedToken:
    """
    Verify a token of the LMS, or recognize one that has been verified and has not expired.

    :param now: seconds since 1970, by which one that is recognized has expired or not
    :raises jwt.InvalidTokenError: it is not valid
    """
    key = _hash(token)
    if (known := _remembered.get(key)) is not None:
        claims, is_symmetric = known
        if int(claims["exp"]) <= (now or time.time()) - _leeway():
            message = "Signature has expired"
            raise jwt.ExpiredSignatureError(message)
        return VerifiedToken(token, claims, is_symmetric=is_symmetric)
    claims, is_symmetric = _verify(token)
    seconds_left = min(int(claims["exp"]), time.time() + _MAX_AGE) + _leeway() - time.time()
    _remembered.set(key, (claims, is_symmetric), timeout=seconds_left)
    return VerifiedToken(token, claims, is_symmetric=is_symmetric)


def decode(token: str) -> dict[str, Any]:
    """
    Verify a token and return its claims: `JWT_AUTH["JWT_DECODE_HANDLER"]`.

    :raises jwt.InvalidTokenError: it is not valid
    """
    return dict(verify(token).claims)


def _hash(token: str) -> str:
    """Name a token together with all settings by which it is judged."""
    text = f"{settings.JWT_AUTH!r}\n{token}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _leeway() -> float:
    return float(settings.JWT_AUTH.get("JWT_LEEWAY") or 0)


def _verify(token: str) -> tuple[dict[str, Any], bool]:
    """
    Return the token's claims, and True if its signature is symmetric.

    edx-drf-extensions decodes a token twice, the first time without leeway, and accepts any signature where no public
    key is configured; so the signature is verified here, by PyJWT.
    """
    issuer = get_jwt_issuers()[0]
    for key, algorithms in _keys(issuer["SECRET_KEY"]):
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=algorithms,
                audience=issuer["AUDIENCE"],
                leeway=_leeway(),
                options={
                    "require": ["exp", "iat"],
                    "verify_aud": bool(issuer["AUDIENCE"]) or bool(settings.JWT_AUTH.get("JWT_VERIFY_AUDIENCE", True)),
                },
            )
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError):
            continue  # another key's, perhaps
        if not any(claims.get("iss") == trusted["ISSUER"] for trusted in get_jwt_issuers()):
            message = "Invalid issuer"
            raise jwt.InvalidIssuerError(message)
        # The library's defaults for claims of older tokens, and its refusal of versions to come; verified it is above.
        return unsafe_jwt_decode_handler(token), algorithms is _SYMMETRIC
    message = "Signature verification failed"
    raise jwt.InvalidSignatureError(message)


def _keys(secret: str | None) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """
    Yield keys, and the algorithms for which each may be used.

    :raises jwt.InvalidTokenError: no public key of the LMS is configured; then no token is accepted at all
    """
    public_keys = _public_keys(settings.JWT_AUTH.get("JWT_PUBLIC_SIGNING_JWK_SET"))
    if not public_keys:
        message = "No public key of the LMS is configured"
        raise jwt.InvalidTokenError(message)
    for key in public_keys:
        yield key, _ASYMMETRIC
    if secret:
        yield secret.encode(), _SYMMETRIC


@lru_cache(maxsize=4)
def _parsed(jwk_set: str) -> tuple[Any, ...]:
    try:
        return tuple(jwk.key for jwk in jwt.PyJWKSet.from_json(jwk_set).keys if jwk.key_type == "RSA")
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return ()


def _public_keys(jwk_set: object) -> tuple[Any, ...]:
    """Return the RSA keys of a JWK set, JSON text; none for what is not one."""
    return _parsed(jwk_set) if isinstance(jwk_set, str) else ()
