"""Authentication by the LMS's JWT, in a header or in the browser's split cookies."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, override

import jwt
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication as EdxJwtAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from edx_exams.apps.core.checks import has_keys
from edx_exams.apps.core.limits import is_storable
from edx_exams.apps.core.models import User

_has_keys: Final = lru_cache(maxsize=4)(has_keys)


class JwtAuthentication(EdxJwtAuthentication):
    """
    edx-drf-extensions' authentication, closed where it was open.

    * Without the LMS's public keys the library accepts a token with any signature; here no token is accepted then.
    * A malformed token or claim is a 401, never a server error; an unavailable database is not taken for a bad token.
    * Nothing of a token or a person gets into the log.
    """

    _database_error: DatabaseError | InterfaceError | None = None

    @override
    def authenticate(self, request: Request) -> tuple[User, str] | None:
        """
        Return the caller and their token; None without a token, or for cookies without a valid CSRF token.

        :raises AuthenticationFailed: the token is not valid
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
        """Return the token's claims, if its signature is one of the LMS's."""
        if not _has_keys(settings.JWT_AUTH.get("JWT_PUBLIC_SIGNING_JWK_SET")):
            message = "No public key of the LMS is configured."
            raise jwt.InvalidTokenError(message)
        return super().jwt_decode_token(*args, **kwargs)  # type: ignore[no-any-return]

    @override
    def authenticate_credentials(self, payload: Mapping[str, Any]) -> User:
        """
        Return the person whom a verified token names, created or brought up to date with its claims.

        :raises AuthenticationFailed: a claim is malformed
        """
        username = self._get_username_from_payload(payload)
        if not is_storable(username, User._meta.get_field("username")) or not username:
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
        """Return the claims about the user, by our attributes' names."""
        attributes = {}
        for claim, name in self.get_jwt_claim_attribute_map().items():
            value = payload.get(claim)
            if value is None:
                continue
            if not is_storable(value, User._meta.get_field(name)):
                message = f"The token's claim {claim!r} is malformed."
                raise AuthenticationFailed(message)
            attributes[name] = value
        return attributes
