# SPDX-License-Identifier: AGPL-3.0-only
"""
The platform's key pairs: made, encrypted at rest, used, rotated, retired. No private key leaves this module.

1EdTech Security Framework 1.0, section 6 (key management).
"""

import base64
import json
import uuid
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import jwt
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm

from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.lti.models import LtiPlatformKey, LtiTool

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
_DERIVATION: Final = b"edx_exams.lti platform keys"


class BadEncryptionKey(Exception):
    """A setting holds something that is not a valid Fernet key."""


class KeyLocked(Exception):
    """A private key was encrypted with a key that we no longer have."""


# Encryption


def encryption() -> MultiFernet:
    """
    Return the cipher of private keys: the first key encrypts, all decrypt.

    Keys are those of `LTI_KEY_ENCRYPTION_KEYS`, then those derived from `SECRET_KEY` and `SECRET_KEY_FALLBACKS`: what
    was encrypted before the setting was used, or before the secret was changed, can be opened and encrypted anew.

    :raises BadEncryptionKey: one of them is not a valid Fernet key
    """
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return _encryption((*settings.LTI_KEY_ENCRYPTION_KEYS, *map(_derived, secrets)))


@lru_cache(maxsize=4)
def _derived(secret: str) -> str:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=_DERIVATION).derive(secret.encode())
    return base64.urlsafe_b64encode(key).decode()


@lru_cache(maxsize=4)
def _encryption(secrets: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(secret) for secret in secrets])
    except (ValueError, TypeError):
        message = "LTI_KEY_ENCRYPTION_KEYS holds something that is not a valid Fernet key (32 bytes, URL-safe base64)."
        raise BadEncryptionKey(message) from None


def can_open(key: LtiPlatformKey) -> bool:
    """Tell whether one of the encryption keys decrypts this private key."""
    try:
        encryption().decrypt(key.encrypted_private_key.encode())
    except InvalidToken:
        return False
    return True


@write_transaction
def rotate_encryption() -> tuple[int, list[str]]:
    """
    Encrypt every private key anew with the first encryption key.

    :returns: how many were, and the key ids of those that nothing opens
    """
    done, locked = 0, []
    for key in LtiPlatformKey.objects.select_for_update().order_by("pk"):
        try:
            key.encrypted_private_key = encryption().rotate(key.encrypted_private_key.encode()).decode()
        except InvalidToken:
            locked.append(key.kid)
            continue
        key.save(update_fields=["encrypted_private_key"])
        done += 1
    return done, locked


# Key pairs


def store_key(
    tool: LtiTool, private_key: rsa.RSAPrivateKey | None = None, *, kid: str | None = None, using: str = "default"
) -> LtiPlatformKey:
    """
    Keep a key pair that signs for the tool from now on; others stay in the key set.

    :param private_key: by default a new one
    :param kid: by default a new one
    """
    private_key = private_key or rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kid = kid or str(uuid.uuid4())
    return LtiPlatformKey.objects.using(using).create(
        tool=tool,
        kid=kid,
        encrypted_private_key=encryption().encrypt(pem).decode(),
        public_jwk=public_jwk(private_key.public_key(), kid),
    )


def public_jwk(key: rsa.RSAPublicKey, kid: str) -> dict[str, str]:
    """A public key as key sets hold it: RFC 7517, RFC 7518 section 6.3.1."""
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {"kty": "RSA", "kid": kid, "use": "sig", "alg": ALGORITHM, "n": jwk["n"], "e": jwk["e"]}


@write_transaction
def rotate_key(tool: LtiTool) -> LtiPlatformKey:
    """Sign with a new key from now on. The former ones stay in the key set, for messages that are on their way."""
    LtiTool.objects.select_for_update().get(pk=tool.pk)
    tool.platform_keys.update(is_active=False)
    return store_key(tool)


def retire_key(key: LtiPlatformKey, *, now: datetime | None = None) -> bool:
    """
    Take a key out of the key set: nothing that it signed is valid any more.

    :returns: False for the one that signs, which must be replaced first
    """
    if signing_key(key.tool).pk == key.pk:
        return False
    key.is_active, key.retired_at = False, now or timezone.now()
    key.save(update_fields=["is_active", "retired_at"])
    return True


def key_set(tool: LtiTool) -> dict[str, list[dict[str, Any]]]:
    """The tool's view of our public keys: RFC 7517 section 5; Security Framework 6.3."""
    current = tool.platform_keys.filter(retired_at=None).order_by("pk").values_list("public_jwk", flat=True)
    return {"keys": list(current) or [_first_key(tool).public_jwk]}


def signing_key(tool: LtiTool) -> LtiPlatformKey:
    """The newest active key; the first one is made where the tool has none."""
    return _newest_active(tool) or _first_key(tool)


def _newest_active(tool: LtiTool) -> LtiPlatformKey | None:
    return tool.platform_keys.filter(is_active=True, retired_at=None).order_by("-pk").first()


@write_transaction
def _first_key(tool: LtiTool) -> LtiPlatformKey:
    """Make the key of a tool that was not registered in the admin: one, however many need it at this moment."""
    LtiTool.objects.select_for_update().get(pk=tool.pk)
    return _newest_active(tool) or store_key(tool)


# Signing and verifying


def sign(tool: LtiTool, claims: dict[str, Any], *, typ: str = "JWT") -> str:
    """
    Sign claims for a tool.

    :raises KeyLocked: no encryption key opens the tool's private key
    """
    key = signing_key(tool)
    return jwt.encode(claims, _private_key(key), ALGORITHM, headers={"kid": key.kid, "typ": typ})


def _private_key(key: LtiPlatformKey) -> rsa.RSAPrivateKey:
    try:
        return _opened(encryption(), key.encrypted_private_key)
    except InvalidToken:
        message = f"No encryption key opens the platform key {key.kid}."
        raise KeyLocked(message) from None


@lru_cache(maxsize=32)
def _opened(encryption: MultiFernet, encrypted: str) -> rsa.RSAPrivateKey:
    """A private key, parsed once a process."""
    # Its numbers were checked when it was stored, and the encryption says that nobody has touched it since.
    private_key = serialization.load_pem_private_key(
        encryption.decrypt(encrypted.encode()), password=None, unsafe_skip_rsa_key_validation=True
    )
    assert isinstance(private_key, rsa.RSAPrivateKey)  # noqa: S101  (we stored it)
    return private_key


def public_key_of(key: LtiPlatformKey) -> rsa.RSAPublicKey:
    """The public half, for verifying what we signed ourselves."""
    public_key = RSAAlgorithm.from_jwk(json.dumps(key.public_jwk))
    assert isinstance(public_key, rsa.RSAPublicKey)  # noqa: S101  (we stored it)
    return public_key
