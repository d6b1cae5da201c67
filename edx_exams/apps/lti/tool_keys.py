# SPDX-License-Identifier: AGPL-3.0-only
"""
Verifying messages of tools, with the keys that a tool publishes or that the operator has entered.

Security Framework 1.0, sections 5.2.3 and 6: a key that the message names by `kid` selects itself, a message without
one is tried with each; the algorithm is ours to say, never the message's.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone
from django.utils.translation import gettext as _

from edx_exams.apps.lti import key_set_cache
from edx_exams.apps.lti.fetching import FetchFailed, address_of, fetch_key_set
from edx_exams.apps.lti.key_sets import pem_key, select_keys, usable_keys
from edx_exams.apps.lti.models import LtiTool
from edx_exams.apps.lti.tool_messages import Refused

ALGORITHMS: Final = ("RS256", "RS512")
_MAX_MESSAGE_LENGTH: Final = 32_768


def unverified_claims(message: str) -> Mapping[str, Any]:
    """
    Decode a message without verifying it, to find out whose key to try. Nothing in it may be trusted yet.

    :raises Refused: it is not a valid message
    """
    if len(message) > _MAX_MESSAGE_LENGTH:
        raise _unreadable()
    try:
        claims = jwt.decode(message, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _unreadable() from None
    return claims


def verified_claims(tool: LtiTool, message: str) -> Mapping[str, Any]:
    """
    Return the claims of a message that the tool has signed. Its times, issuer and audience are the caller's to judge.

    :raises Refused: it is not a valid message, or no key of the tool's has signed it
    :raises KeysNotReady: the tool's keys are being fetched
    """
    if len(message) > _MAX_MESSAGE_LENGTH:
        raise _unreadable()
    try:
        header = jwt.get_unverified_header(message)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _unreadable() from None
    if header.get("alg") not in ALGORITHMS:
        raise Refused(_("The message of the proctoring tool is not signed as it must be."), "algorithm")
    kid = header.get("kid")
    fetched_at = tool.keyset_fetched_at
    claims = _try(tool, message, kid)
    has_fetched = tool.keyset_fetched_at != fetched_at
    if claims is None and tool.keyset_url and not has_fetched and key_set_cache.refetch_for_unknown_key(tool):
        claims = _try(tool, message, kid)
    if claims is None:
        raise _unverified(tool)
    return claims


def _unverified(tool: LtiTool) -> Refused:
    if tool.keyset is None and not tool.public_key:
        text = _("We could not get the keys of the proctoring tool. Please try again in a minute.")
        return Refused(text, "no keys")
    text = _("The message of the proctoring tool is not signed with a key that we know to be the tool's.")
    return Refused(text, "signature")


def _unreadable() -> Refused:
    return Refused(_("The proctoring tool sent a message that cannot be read."), "format")


def _try(tool: LtiTool, message: str, kid: str | None) -> Mapping[str, Any] | None:
    for key in _candidates(tool, kid):
        try:
            return jwt.decode(
                message,
                key,
                algorithms=list(ALGORITHMS),
                # Each has its rule in `tool_messages`; here it is the signature alone.
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                    "verify_iss": False,
                    "verify_sub": False,
                    "verify_jti": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
    return None


def _candidates(tool: LtiTool, kid: str | None) -> Iterator[rsa.RSAPublicKey]:
    """List the keys that may have signed a message with this `kid`. With a PEM it says nothing."""
    # First what is at hand: a message that it verifies waits for no vendor.
    if tool.public_key and (key := pem_key(tool.public_key)):
        yield key
    if tool.keyset_url:
        yield from select_keys(key_set_cache.current_keys(tool), kid)


def known_problems(tool: LtiTool) -> list[str]:
    """List problems that keep us from verifying this tool's messages, for the operator, without asking the vendor."""
    if not tool.keyset_url and not tool.public_key:
        return ["The tool has neither a key set URL nor a public key: nothing that it sends can be verified."]
    found = []
    if tool.public_key and not pem_key(tool.public_key):
        found.append("The public key is not a valid RSA key of at least 2048 bits in PEM format.")
    if tool.keyset_url:
        try:
            address_of(tool.keyset_url)
        except FetchFailed as failure:
            found.append(f"The key set could not be fetched. {failure}")
    return found


def problems(tool: LtiTool) -> list[str]:
    """List problems that keep us from verifying this tool's messages, for the operator. Fetches the key set."""
    found = known_problems(tool)
    if not tool.keyset_url:
        return found
    try:
        entries = fetch_key_set(tool.keyset_url)
    except FetchFailed as failure:
        return list(dict.fromkeys([*found, f"The key set could not be fetched. {failure}"]))
    usable = usable_keys(entries)
    if not usable:
        found.append(f"None of the key set's {len(entries)} keys is an RSA key for signatures.")
    elif not all(entry.get("kid") for entry in usable):
        found.append("A key of the set has no “kid”; messages without one are tried with every key.")
    if usable:
        key_set_cache.store(tool, entries, timezone.now())
    return found
