# SPDX-License-Identifier: AGPL-3.0-only
"""
The messages that tools sign: what each must hold, as pure functions of its claims, our expectation and the time.

The signature is checked before, by `tool_keys`. Rules that need stored state (replays, the launch itself) come
later, in the transaction that acts on them. Texts of refusals name claims and never their values.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from edx_exams.apps.core.limits import MAX_INTEGER, is_storable_text
from edx_exams.apps.lti.platform_messages import AP, LTI, VERSION

#: Seconds by which clocks may differ.
LEEWAY: Final = 60
#: Seconds that a client assertion may be good for.
MAX_ASSERTION_LIFETIME: Final = 3600
START_ASSESSMENT: Final = "LtiStartAssessment"
#: Characters of an id that we compare or remember.
MAX_CLAIM_LENGTH: Final = 1024
#: The largest number that a timestamp may be: the year 9999.
_LATEST: Final = 253_402_300_799
_DIGITS: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
#: Ways in which tools' libraries write a boolean claim.
_FLAGS: Final[Mapping[str, bool]] = {"true": True, "1": True, "1.0": True} | dict.fromkeys(
    ("false", "0", "0.0", "none", ""), False
)
_ANY_LTI_CLAIM: Final = "https://purl.imsglobal.org/spec/lti"


class Refused(Exception):
    """
    A message that is not what it must be. Its text is for the person who reads it.

    :param code: short, for the log
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class StartAssessment(NamedTuple):
    """A tool's word that the learner is ready."""

    nonce: str
    expires_at: int
    resource_id: str
    attempt_number: int
    session_data: str
    end_assessment_return: bool


class ClientAssertion(NamedTuple):
    """A tool's proof that it is who asks for an access token."""

    jti: str | None
    expires_at: int


def read_start_assessment(
    claims: Mapping[str, Any], *, issuer: str, client_id: str, deployment_id: str, now: datetime
) -> StartAssessment:
    """
    Judge a LtiStartAssessment: Security Framework 5.2.2 and 5.2.3 (tool-originating messages), Proctoring Services 1.0.

    :param issuer: us
    :raises Refused: a rule is broken
    """
    expires_at = _times(claims, now)
    _require(claims.get("iss") == client_id, "iss")  # the tool is the issuer, by its client id
    audience = _audience(claims)
    _require(issuer in audience, "aud")
    _require(claims.get("azp") in (None, issuer, client_id), "azp")
    nonce = _text(claims, "nonce")
    _require(claims.get(f"{LTI}message_type") == START_ASSESSMENT, "message_type")  # LTI 1.3 Core 5.3.1
    _require(claims.get(f"{LTI}version") == VERSION, "version")  # 5.3.2
    _require(claims.get(f"{LTI}deployment_id") == deployment_id, "deployment_id")  # 5.3.3
    link: Any = claims.get(f"{LTI}resource_link")  # 5.3.5
    _require(isinstance(link, dict), "resource_link")
    attempt_number = whole_number(claims.get(f"{AP}attempt_number"))
    _require(attempt_number is not None and 1 <= attempt_number <= MAX_INTEGER, "attempt_number")
    wants_end = _FLAGS.get(str(claims.get(f"{AP}end_assessment_return", False)).lower())
    _require(wants_end is not None, "end_assessment_return")
    return StartAssessment(
        nonce=nonce,
        expires_at=expires_at,
        resource_id=_text(link, "id"),
        attempt_number=attempt_number or 0,
        session_data=_text(claims, f"{AP}session_data"),
        end_assessment_return=bool(wants_end),
    )


def read_client_assertion(
    claims: Mapping[str, Any], *, client_id: str, audiences: frozenset[str], require_jti: bool, now: datetime
) -> ClientAssertion:
    """
    Judge a client assertion: Security Framework 4.1.1, RFC 7523 section 3.

    :param audiences: the token URL and the issuer; a slash at the end makes no difference
    :raises Refused: a rule is broken
    """
    # A message of a launch passes through the learner's browser: it must not buy what belongs to the tool alone.
    _require(not any(str(name).startswith(_ANY_LTI_CLAIM) for name in claims), "lti claims")
    expires_at = _times(claims, now)
    _require(expires_at <= int(now.timestamp()) + MAX_ASSERTION_LIFETIME + LEEWAY, "exp")
    _require(claims.get("sub") == client_id, "sub")
    _text(claims, "iss")  # tools send their own issuer or their client id: both are met
    ours = {audience.rstrip("/") for audience in audiences}
    _require(any(audience.rstrip("/") in ours for audience in _audience(claims)), "aud")
    jti = None
    if require_jti or "jti" in claims:
        jti = _text(claims, "jti")
    return ClientAssertion(jti, expires_at)


def _times(claims: Mapping[str, Any], now: datetime) -> int:
    """
    Judge the times of a message, seconds since 1970.

    :returns: when it expires
    """
    present = now.timestamp()
    _require(_is_time(claims.get("exp")), "exp")
    _require(_is_time(claims.get("iat")), "iat")
    if claims["exp"] + LEEWAY <= present:
        message = "The message of the proctoring tool has expired. Please start again from the exam."
        raise Refused(message, "expired")
    _require(claims["iat"] - LEEWAY <= present, "iat")
    if "nbf" in claims:
        _require(_is_time(claims["nbf"]) and claims["nbf"] - LEEWAY <= present, "nbf")
    return int(claims["exp"])


def _audience(claims: Mapping[str, Any]) -> list[str]:
    audience = claims.get("aud")
    if isinstance(audience, str):
        return [audience]
    _require(isinstance(audience, list) and all(isinstance(one, str) for one in audience), "aud")
    return list(audience or ())


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    _require(is_storable_text(value, MAX_CLAIM_LENGTH), name)
    return str(value)


def whole_number(value: object) -> int | None:
    """Read a whole number as tools write it: `1`, `1.0` or `"1"`; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value) else None
    if isinstance(value, float | Decimal):
        # Bounded first: `1e999999` is a few bytes here and a megabyte as an integer.
        is_whole = math.isfinite(value) and -MAX_INTEGER <= value <= MAX_INTEGER and value == int(value)
        return int(value) if is_whole else None
    return value if isinstance(value, int) else None


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(0 <= value <= _LATEST)


def _require(holds: bool, claim: str) -> None:
    if not holds:
        name = claim.rpartition("/")[2]
        message = f"The message of the proctoring tool is not valid: {name}. Please start again from the exam."
        raise Refused(message, f"claim {name}")
