"""
Verifying what a tool has signed, with the keys that it publishes or that the operator has entered.

Security Framework 1.0, sections 5.2.3 and 6: a key that the message names by `kid` selects itself, a message without
one is tried with each; the algorithm is ours to say, never the message's.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db.models import F, Q
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm

from edx_exams.apps.lti.assertions import Refused
from edx_exams.apps.lti.fetching import FetchFailed, address_of, fetch_key_set
from edx_exams.apps.lti.models import LtiTool

log = logging.getLogger(__name__)

ALGORITHMS: Final = ("RS256", "RS512")
_SMALLEST_KEY: Final = 2048  # bits
#: A vendor is asked no more often than this, whatever anybody sends us.
MIN_FETCH_INTERVAL: Final = timedelta(minutes=1)
#: After this we look whether the vendor has withdrawn a key.
CACHE_TTL: Final = timedelta(hours=1)
#: For so long we go on with the keys that we have while the vendor cannot be asked.
STALE_TTL: Final = timedelta(hours=24)
#: Seconds to wait for another request that is asking the vendor: while we have no key at all, and while we have some.
_PATIENCE_WITHOUT_KEYS: Final = 6.0
_PATIENCE: Final = 3.0
_LONGEST_MESSAGE: Final = 32_768
_MOST_KEYS: Final = 50


def unverified_claims(message: str) -> Mapping[str, Any]:
    """
    Decode a message without verifying it, to find out whose key to try. Nothing in it may be trusted yet.

    :raises Refused: it is not a valid message
    """
    if len(message) > _LONGEST_MESSAGE:
        raise _no_message()
    try:
        claims = jwt.decode(message, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _no_message() from None
    return claims


def verified_claims(tool: LtiTool, message: str) -> Mapping[str, Any]:
    """
    The claims of a message that the tool has signed. Its times, issuer and audience are the caller's to judge.

    :raises Refused: it is not a valid message, or no key of the tool's has signed it
    """
    if len(message) > _LONGEST_MESSAGE:
        raise _no_message()
    try:
        header = jwt.get_unverified_header(message)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _no_message() from None
    if header.get("alg") not in ALGORITHMS:
        text = "The message of the proctoring tool is not signed as it must be."
        raise Refused(text, "algorithm")
    kid = header.get("kid")
    fetched_at = tool.keyset_fetched_at
    claims = _try(tool, message, kid)
    has_fetched = tool.keyset_fetched_at != fetched_at
    if claims is None and tool.keyset_url and not has_fetched and _look_for_a_new_key(tool):
        claims = _try(tool, message, kid)
    if claims is None:
        raise _unverified(tool)
    return claims


def _unverified(tool: LtiTool) -> Refused:
    if tool.keyset is None and not tool.public_key:
        return Refused("We could not get the keys of the proctoring tool. Please try again in a minute.", "no keys")
    text = "The message of the proctoring tool is not signed with a key that we know to be the tool's."
    return Refused(text, "signature")


def _no_message() -> Refused:
    return Refused("The proctoring tool sent a message that cannot be read.", "format")


def _try(tool: LtiTool, message: str, kid: object) -> Mapping[str, Any] | None:
    for key in _candidates(tool, kid):
        try:
            return jwt.decode(
                message,
                key,
                algorithms=list(ALGORITHMS),
                # Each has its rule in `assertions`; here it is the signature alone.
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


def _candidates(tool: LtiTool, kid: object) -> Iterator[rsa.RSAPublicKey]:
    """The keys that may have signed a message with this `kid`. With a PEM it says nothing."""
    if tool.keyset_url:
        yield from _keys_in(_current_key_set(tool), kid)
    if tool.public_key and (key := pem_key(tool.public_key)):
        yield key


def _keys_in(key_set: Mapping[str, Any], kid: object) -> Iterator[rsa.RSAPublicKey]:
    entries = [entry for entry in key_set.get("keys", ()) if isinstance(entry, dict)][:_MOST_KEYS]
    if kid is not None:
        entries = [entry for entry in entries if entry.get("kid") == kid]
    for entry in entries:
        if key := jwk_key(entry):
            yield key


def jwk_key(entry: Mapping[str, Any]) -> rsa.RSAPublicKey | None:
    """The RSA key of one entry of a key set; None where it is none, too short, or not for signatures."""
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or "d" in entry:
        return None
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": entry.get("n"), "e": entry.get("e")})
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_KEY else None


def pem_key(text: str) -> rsa.RSAPublicKey | None:
    """The RSA key of a PEM text; None where it is none, or too short."""
    try:
        key = load_pem_public_key(text.replace("\\n", "\n").strip().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_KEY else None


# The key set, in the database


def _current_key_set(tool: LtiTool) -> Mapping[str, Any]:
    """The key set that we have, looked up anew where it is old or missing, if the vendor can be asked."""
    age = _age_of_keys(tool)
    if age is None or age > CACHE_TTL:
        _look_up(tool)
        age = _age_of_keys(tool)
    if tool.keyset is None or age is None or age > STALE_TTL:
        return {}
    return tool.keyset  # type: ignore[no-any-return]


def _age_of_keys(tool: LtiTool) -> timedelta | None:
    return None if tool.keyset_fetched_at is None else timezone.now() - tool.keyset_fetched_at


def _look_up(tool: LtiTool) -> bool:
    """
    Ask the vendor because what we have is old or missing, if nobody has within the last minute.

    :returns: whether there is a key set that is new to us
    """
    now = timezone.now()
    is_due = Q(keyset_tried_at=None) | Q(keyset_tried_at__lte=now - MIN_FETCH_INTERVAL)
    return _ask(tool, is_due, keyset_tried_at=now)


def _look_for_a_new_key(tool: LtiTool) -> bool:
    """
    Ask the vendor because of a message that no key of ours fits: they may have rotated a moment after we last asked.

    For such messages nobody is asked more than once a minute, nor sooner after a failure: anybody can send them.

    :returns: whether there is a key set that is new to us
    """
    now = timezone.now()
    a_minute_ago = now - MIN_FETCH_INTERVAL
    is_due = Q(keyset_refetched_at=None) | Q(keyset_refetched_at__lte=a_minute_ago)
    does_answer = Q(keyset_tried_at__lte=a_minute_ago) | Q(keyset_fetched_at__gte=F("keyset_tried_at"))
    return _ask(tool, is_due & does_answer, keyset_tried_at=now, keyset_refetched_at=now)


def _ask(tool: LtiTool, may_be_asked: Q, **asked_at: datetime) -> bool:
    """Fetch the key set. However many requests, in however many processes, want to: one of them does."""
    this_tool = LtiTool.objects.filter(pk=tool.pk)
    if not this_tool.filter(may_be_asked).update(**asked_at, keyset_fetch_started_at=timezone.now()):
        return _wait_for_concurrent_fetch(tool)
    try:
        key_set = fetch_key_set(tool.keyset_url)
    except FetchFailed as failure:
        log.warning("The key set of LTI tool %d could not be fetched: %s", tool.pk, failure)
        this_tool.update(keyset_fetch_started_at=None)
        return False
    _remember(tool, key_set, timezone.now())
    return True


def _remember(tool: LtiTool, key_set: dict[str, Any], now: datetime) -> None:
    tool.keyset = {"keys": key_set["keys"][:_MOST_KEYS]}
    tool.keyset_fetched_at = now
    LtiTool.objects.filter(pk=tool.pk, keyset_url=tool.keyset_url).update(
        keyset=tool.keyset, keyset_fetched_at=now, keyset_fetch_started_at=None
    )


def _wait_for_concurrent_fetch(tool: LtiTool) -> bool:
    """
    Tell whether another request has fetched a key set since we read the row. A fetch under way is waited for.

    Many learners may begin at once with a tool that is new here, or has just rotated its keys.
    """
    known = tool.keyset_fetched_at
    patience = _PATIENCE_WITHOUT_KEYS if known is None else _PATIENCE
    deadline = time.monotonic() + patience
    while True:
        tool.refresh_from_db(fields=["keyset", "keyset_fetched_at", "keyset_fetch_started_at"])
        if tool.keyset_fetched_at != known:
            return True
        since = tool.keyset_fetch_started_at
        someone_is_asking = since is not None and timezone.now() - since < timedelta(seconds=patience)
        if not someone_is_asking or time.monotonic() > deadline:
            return False
        time.sleep(0.1)


def forget_key_set(tool: LtiTool) -> None:
    """Throw away what was fetched: from an address that has been changed since."""
    nothing: dict[str, None] = dict.fromkeys(
        ("keyset", "keyset_fetched_at", "keyset_tried_at", "keyset_refetched_at", "keyset_fetch_started_at")
    )
    for name, value in nothing.items():
        setattr(tool, name, value)
    LtiTool.objects.filter(pk=tool.pk).update(**nothing)


def known_problems(tool: LtiTool) -> list[str]:
    """List problems that keep us from verifying this tool's messages, for the operator, without asking the vendor."""
    if not tool.keyset_url and not tool.public_key:
        return ["The tool has neither a key set URL nor a public key: nothing that it sends can be verified."]
    found = []
    if tool.public_key and not pem_key(tool.public_key):
        found.append(f"The public key is not a valid RSA key of at least {_SMALLEST_KEY} bits in PEM format.")
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
        key_set = fetch_key_set(tool.keyset_url)
    except FetchFailed as failure:
        return list(dict.fromkeys([*found, f"The key set could not be fetched. {failure}"]))
    usable = [entry for entry in key_set["keys"] if isinstance(entry, dict) and jwk_key(entry)]
    if not usable:
        found.append(f"None of the key set's {len(key_set['keys'])} keys is an RSA key for signatures.")
    elif not all(entry.get("kid") for entry in usable):
        found.append("A key of the set has no “kid”; messages without one are tried with every key.")
    if usable:
        _remember(tool, key_set, timezone.now())
    return found
