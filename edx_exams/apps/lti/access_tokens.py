# SPDX-License-Identifier: AGPL-3.0-only
"""
Access tokens for the Assessment Control Service: given for a client assertion, good for one tool.

Security Framework 1.0, section 4.1 (OAuth 2.0 client credentials with a JWT); RFC 6749, 6750, 7523 and 9068.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import jwt
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from edx_exams.apps.core.limits import MAX_IDENTIFIER_LENGTH, is_storable_text
from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.lti import addresses, launches, platform_keys, tool_keys
from edx_exams.apps.lti.models import LtiPlatformKey, LtiTool, UsedToken
from edx_exams.apps.lti.tool_messages import LEEWAY, ClientAssertion, Refused, read_client_assertion

CONTROL_SCOPE: Final = "https://purl.imsglobal.org/spec/lti-ap/scope/control.all"
LIFETIME: Final = 3600  # seconds
GRANT_TYPE: Final = "client_credentials"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: What we read of a request; what else is in it is passed over, as RFC 6749 section 3.2 says.
_PARAMETERS: Final = ("grant_type", "client_assertion_type", "client_assertion", "scope")
#: RFC 9068 section 2.1: no id_token of ours passes for an access token, and the other way round.
_TYPE: Final = "at+jwt"


class TokenError(Exception):
    """
    A request for a token that is refused: RFC 6749 section 5.2.

    :param error: the code
    """

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.status = error, status


class Grant(NamedTuple):
    """Scopes of an access token, and the tool it was given to."""

    tool: LtiTool
    scopes: frozenset[str]


def issue(tool: LtiTool, parameters: Mapping[str, list[str]]) -> dict[str, Any]:
    """
    Answer a request for a token.

    :param parameters: of the form, each with its values
    :returns: the body of the answer, RFC 6749 section 5.1
    :raises TokenError: RFC 6749 section 5.2
    :raises KeyLocked: we cannot sign one
    """
    wanted = _read(parameters)
    try:
        claims = tool_keys.verified_claims(tool, wanted["client_assertion"])
        assertion = read_client_assertion(
            claims,
            client_id=tool.client_id,
            audiences=frozenset({addresses.token_url(tool), addresses.issuer()}),
            require_jti=settings.LTI_REQUIRE_JTI,
            now=timezone.now(),
        )
        scopes = frozenset(wanted.get("scope", "").split()) & {CONTROL_SCOPE}
        if not scopes:
            message = f"The only scope is {CONTROL_SCOPE}."
            raise TokenError("invalid_scope", message)
        _use(tool, assertion)
    except Refused as refusal:
        raise TokenError("invalid_client", f"The client assertion is refused: {refusal.code}.", 401) from refusal
    return {
        "access_token": _sign(tool, scopes, timezone.now()),
        "token_type": "bearer",
        "expires_in": LIFETIME,
        "scope": " ".join(sorted(scopes)),
    }


def _read(parameters: Mapping[str, list[str]]) -> dict[str, str]:
    """The parameters, none of which may come twice: RFC 6749 section 3.2."""
    if repeated := [name for name in _PARAMETERS if len(parameters.get(name, ())) > 1]:
        raise TokenError("invalid_request", f"{repeated[0]} is given more than once.")
    wanted = {name: values[0] for name in _PARAMETERS if (values := parameters.get(name))}
    if not wanted.get("grant_type"):
        raise TokenError("invalid_request", "grant_type is missing.")
    if wanted["grant_type"] != GRANT_TYPE:
        raise TokenError("unsupported_grant_type", f"The only grant type is {GRANT_TYPE}.")
    if wanted.get("client_assertion_type") != ASSERTION_TYPE:
        raise TokenError("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}.")
    if not wanted.get("client_assertion"):
        raise TokenError("invalid_request", "client_assertion is missing.")
    return wanted


@write_transaction
def _use(tool: LtiTool, assertion: ClientAssertion) -> None:
    """An assertion buys one token, whoever sends it, however many at once."""
    if assertion.jti is not None:
        now = timezone.now()
        launches.use_once(tool, UsedToken.Kind.jti, assertion.jti, now=now, expires_at=assertion.expires_at)


def _sign(tool: LtiTool, scopes: frozenset[str], now: datetime) -> str:
    """RFC 9068 section 2.2."""
    issued = int(now.timestamp())
    claims = {
        "iss": addresses.issuer(),
        "sub": tool.client_id,
        "client_id": tool.client_id,
        "aud": addresses.acs_url(tool),
        "iat": issued,
        "exp": issued + LIFETIME,
        "jti": secrets.token_urlsafe(16),
        "scope": " ".join(sorted(scopes)),
    }
    return platform_keys.sign(tool, claims, typ=_TYPE)


def read(token: str) -> Grant | None:
    """Verify an access token; None where it is not one of ours, has expired, or its tool is disabled."""
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    kid = header.get("kid")
    if header.get("typ") != _TYPE or not is_storable_text(kid, MAX_IDENTIFIER_LENGTH):
        return None
    return next((grant for key in _keys_called(kid) if (grant := _read_with(key, token))), None)


def _keys_called(kid: str) -> QuerySet[LtiPlatformKey]:
    return LtiPlatformKey.objects.select_related("tool").filter(kid=kid, retired_at=None, tool__is_enabled=True)


def _read_with(key: LtiPlatformKey, token: str) -> Grant | None:
    tool = key.tool
    try:
        claims = jwt.decode(
            token,
            platform_keys.public_key_of(key),
            algorithms=[platform_keys.ALGORITHM],
            audience=addresses.acs_url(tool),
            issuer=addresses.issuer(),
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "scope"]},
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    if claims["sub"] != tool.client_id or not isinstance(claims["scope"], str):
        return None
    return Grant(tool, frozenset(claims["scope"].split()))
