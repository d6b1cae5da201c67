"""Who is asking: the LMS's JWT, in a header or in the browser's split cookies."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, override

import jwt
from django.conf import settings
from django.db import DatabaseError, InterfaceError, models
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication as EdxJwtAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from edx_exams.apps.core.checks import has_keys
from edx_exams.apps.core.models import User

_has_keys: Final = lru_cache(maxsize=4)(has_keys)


class JwtAuthentication(EdxJwtAuthentication):
    """
    edx-drf-extensions' authentication, closed where it was open.

    * Without the LMS's public keys the library accepts a token with any signature; here no token is accepted then.
    * A malformed token or claim is a 401, never a server error; a database that is away is not taken for a bad token.
    * Nothing of a token or a person gets into the log.
    """

    _database_error: DatabaseError | InterfaceError | None = None

    @override
    def authenticate(self, request: Request) -> tuple[User, str] | None:
        """
        The caller and their token; None where there is none, or cookies came without a valid CSRF token.

        :raises AuthenticationFailed: the token is no good
        """
        try:
            result: tuple[User, str] | None = super().authenticate(request)
        except PermissionDenied as refusal:  # cookies without a CSRF token, beside a session of someone else
            raise AuthenticationFailed(refusal.detail) from None
        except (APIException, DatabaseError, InterfaceError):
            raise
        except Exception:  # noqa: BLE001  (a token can be malformed in more ways than its readers foresee)
            message = "The token is malformed."
            raise AuthenticationFailed(message) from None
        if self._database_error:  # which the library forgives where the token came by cookie
            raise self._database_error
        return result

    @classmethod
    @override
    def jwt_decode_token(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The token's claims, if its signature is one of the LMS's."""
        if not _has_keys(settings.JWT_AUTH.get("JWT_PUBLIC_SIGNING_JWK_SET")):
            message = "No public key of the LMS is configured."
            raise jwt.InvalidTokenError(message)
        return super().jwt_decode_token(*args, **kwargs)  # type: ignore[no-any-return]

    @override
    def authenticate_credentials(self, payload: Mapping[str, Any]) -> User:
        """
        The person whom a verified token introduces, created or brought up to date with its claims.

        :raises AuthenticationFailed: a claim is malformed
        """
        username = self._get_username_from_payload(payload)
        if not _fits(username, User._meta.get_field("username")) or not username:
            message = "The token names no user."
            raise AuthenticationFailed(message)
        attributes = self._attributes(payload)
        try:
            user, _ = User.objects.get_or_create(username=username, defaults=attributes)
            changed = [name for name, value in attributes.items() if getattr(user, name) != value]
            if changed:
                for name in changed:
                    setattr(user, name, attributes[name])
                user.save(update_fields=changed)
        except (DatabaseError, InterfaceError) as error:
            self._database_error = error
            raise
        return user

    def _attributes(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """What the token's claims say of its user, by our attributes' names."""
        attributes = {}
        for claim, name in self.get_jwt_claim_attribute_map().items():
            value = payload.get(claim)
            if value is None:
                continue
            if not _fits(value, User._meta.get_field(name)):
                message = f"The token's claim {claim!r} is malformed."
                raise AuthenticationFailed(message)
            attributes[name] = value
        return attributes


#: Largest number that an integer column holds on every database.
_LARGEST_INTEGER: Final = 2**31 - 1


def _fits(value: object, field: Any) -> bool:
    """Whether a claim's value can be stored in a field of the user."""
    if isinstance(field, models.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, models.IntegerField):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_INTEGER
    return isinstance(value, str) and len(value) <= (field.max_length or 0) and "\0" not in value and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    """Whether the text holds no half of a surrogate pair, which JSON can carry and no database stores."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
