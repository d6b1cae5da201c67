# SPDX-License-Identifier: AGPL-3.0-only
"""
Reading key sets as vendors' libraries write them: one usable key is enough, whatever stands around it.

RFC 7517, sections 4 and 5; RFC 7518, section 6.3.1. An entry that is of another type, or that cannot be read, is passed
over, and keeps no other from being used. What is stored of a set are its usable keys alone: in a form that any database
takes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import RSAAlgorithm

from edx_exams.apps.core.limits import is_storable_text

#: Bits of a key's modulus. OpenSSL verifies nothing with larger ones.
_MIN_KEY_BITS: Final = 2048
_MAX_KEY_BITS: Final = 16_384
#: Digits of an integer in a key set; Python refuses to read some thousands, and no member of ours is a number.
_MAX_DIGITS: Final = 100
MAX_KID_LENGTH: Final = 1024


class UnusableKeySet(Exception):
    """The document is not a key set; the text says why, for the operator."""


def read_key_set(document: bytes) -> list[Any]:
    """
    Read the entries of a key set, usable or not: RFC 7517, section 5.

    :raises UnusableKeySet: it is not JSON, or not a key set
    """
    text = document.decode(json.detect_encoding(document), "replace")
    try:
        key_set = json.loads(text, parse_int=_parse_int)
    except RecursionError:
        raise UnusableKeySet("The answer is nested too deeply.") from None
    except ValueError:
        raise UnusableKeySet("The answer is not valid JSON.") from None
    if not isinstance(key_set, dict) or not isinstance(key_set.get("keys"), list):
        raise UnusableKeySet("The answer is not a valid JSON Web Key Set: an object with the list “keys”.")
    keys: list[Any] = key_set["keys"]
    return keys


def usable_keys(entries: Iterable[Any]) -> list[dict[str, str]]:
    """Keep of a key set's entries the RSA keys for signatures, each as `n`, `e` and, where it has one, `kid`."""
    usable = []
    for entry in entries:
        key = jwk_key(entry) if isinstance(entry, dict) else None
        if key is not None:
            usable.append(_canonical(key, _present(entry).get("kid")))
    return usable


def select_keys(usable: Sequence[Mapping[str, str]], kid: str | None) -> list[rsa.RSAPublicKey]:
    """
    Choose the keys that may have signed a message: Security Framework, section 5.2.3.

    :param kid: of the message. Keys that have it; where none has, those without any. Without it each key
    """
    chosen = usable
    if kid:
        named = [entry for entry in usable if entry.get("kid") == kid]
        chosen = named or [entry for entry in usable if "kid" not in entry]
    return [key for entry in chosen if (key := jwk_key(entry))]


def jwk_key(entry: Mapping[str, Any]) -> rsa.RSAPublicKey | None:
    """Read the RSA key of one entry; None where it is of another type, too short, private, or not for signatures."""
    jwk = _present(entry)
    if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig" or "d" in jwk:
        return None
    n, e = jwk.get("n"), jwk.get("e")
    if not isinstance(n, str) or not isinstance(e, str):
        return None
    try:
        return _usable(RSAAlgorithm.from_jwk({"kty": "RSA", "n": n, "e": e}))
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        return None


def pem_key(text: str) -> rsa.RSAPublicKey | None:
    """Read the RSA key of a PEM text; None where it is not one, or too short."""
    try:
        return _usable(load_pem_public_key(text.replace("\\n", "\n").strip().encode()))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _usable(key: object) -> rsa.RSAPublicKey | None:
    is_usable = isinstance(key, rsa.RSAPublicKey) and _MIN_KEY_BITS <= key.key_size <= _MAX_KEY_BITS
    return key if isinstance(key, rsa.RSAPublicKey) and is_usable else None


def _present(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out members that are null or empty: some libraries write each member of their key class."""
    return {name: value for name, value in entry.items() if value is not None and value not in ("", [], {})}


def _canonical(key: rsa.RSAPublicKey, kid: object) -> dict[str, str]:
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key, as_dict=True)
    entry = {"kty": "RSA", "n": str(jwk["n"]), "e": str(jwk["e"])}
    return {**entry, "kid": kid} if is_storable_text(kid, MAX_KID_LENGTH) else entry


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float("inf")
