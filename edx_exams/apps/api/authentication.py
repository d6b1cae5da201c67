# SPDX-License-Identifier: AGPL-3.0-only
"""Authentication by the LMS's JWT, in a header or in the browser's split cookies."""

from collections.abc import Callable, Mapping
from typing import Any, override

import jwt
from edx_django_utils.monitoring import set_custom_attribute
from edx_rest_framework_extensions.auth.jwt.authentication import JwtAuthentication as EdxJwtAuthentication
from edx_rest_framework_extensions.auth.jwt.cookies import (
    jwt_cookie_header_payload_name,
    jwt_cookie_name,
    jwt_cookie_signature_name,
)
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_jwt.blacklist.exceptions import MissingToken  # type: ignore[import-untyped]

from edx_exams.apps.api.token_person import require_active, token_person, with_rights_of
from edx_exams.apps.api.tokens import VerifiedToken, verify
from edx_exams.apps.core.limits import is_storable
from edx_exams.apps.core.models import User
from edx_exams.apps.core.unstorable_text import without_surrogates


class JwtAuthentication(EdxJwtAuthentication):
    """
    edx-drf-extensions' authentication with our verification of tokens and our people.

    * The split cookies are joined here; no middleware has to do so.
    * A token is verified once, and goes with the request: `request.auth` is a `VerifiedToken`.
    * A malformed token or claim is a 401, never a server error; an unavailable database is not taken for a bad token.
    * Nothing of a token or a person gets into the log.
    """

    def __init__(self, look_up: Callable[[int], list[User]] | None = None) -> None:
        """
        Authenticate the caller of a view.

        :param look_up: finds the rows with an LMS user id, where the view wants something along with the person
        """
        self._look_up = look_up

    @override
    def authenticate(self, request: Request) -> tuple[User, VerifiedToken] | None:
        """
        Return the caller and their token; None without a token, and for cookies that are not good.

        :raises AuthenticationFailed: the token in the header is not valid
        :raises PermissionDenied: the person's account is not active
        """
        _join_cookies(request.COOKIES)
        try:
            given = self.get_token_from_request(request)
        except MissingToken:
            given = None
        if given is None:
            return None
        by_cookie = given in request.COOKIES.values()
        try:
            token = _verified(given)
            user = self._user(token)
            if by_cookie:
                self._enforce_csrf(request)
        except AuthenticationFailed:
            set_custom_attribute("jwt_auth_result", "forgiven-failure" if by_cookie else "failed-auth-header")
            if by_cookie:  # a browser's old cookies count as none: the view may know the browser by other means
                return None
            raise
        set_custom_attribute("jwt_auth_result", "success-cookie" if by_cookie else "success-auth-header")
        require_active(user)
        return with_rights_of(token, user), token

    def _user(self, token: VerifiedToken) -> User:
        """
        Return the person whom a token names, created or brought up to date with its claims.

        :raises AuthenticationFailed: a claim is malformed, or the claims name nobody who may come
        """
        try:
            username, attributes = self._details(token.claims)
        except APIException:
            raise
        except Exception:  # noqa: BLE001  (claims can be malformed in more ways than their readers foresee)
            message = "The token is malformed."
            raise AuthenticationFailed(message) from None
        # Outside: what fails here is our fault, and not the token's.
        return token_person(token, username, attributes, self._look_up)

    def _enforce_csrf(self, request: Request) -> None:
        try:
            self.enforce_csrf(request)
        except PermissionDenied as refusal:
            raise AuthenticationFailed(refusal.detail) from None

    @override
    def authenticate_credentials(self, payload: Mapping[str, Any]) -> User:
        """
        Refuse: who somebody is depends on how their token was signed as well.

        :raises AuthenticationFailed: always
        """
        message = "Claims alone authenticate nobody."
        raise AuthenticationFailed(message)

    def _details(self, payload: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """
        Return the username, and the claims about the user by our attributes' names.

        :raises AuthenticationFailed: a claim is malformed
        """
        username = self._get_username_from_payload(payload)
        if not is_storable(username, User._meta.get_field("username")):
            message = "The token names no user."
            raise AuthenticationFailed(message)
        return username, self._attributes(payload)

    def _attributes(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims about the user, by our attributes' names."""
        attributes = {}
        for claim, name in self.get_jwt_claim_attribute_map().items():
            value = payload.get(claim)
            if value is None:
                continue
            field: Any = User._meta.get_field(name)
            if not is_storable(without_surrogates(value) if isinstance(value, str) else value, field):
                message = f"The token's claim {claim!r} is malformed."
                raise AuthenticationFailed(message)
            attributes[name] = value
        return attributes


def _join_cookies(cookies: dict[str, str]) -> None:
    """Join the two cookies in which the LMS splits a browser's token."""
    header_and_payload = cookies.get(jwt_cookie_header_payload_name())
    signature = cookies.get(jwt_cookie_signature_name())
    if header_and_payload and signature:
        cookies[jwt_cookie_name()] = f"{header_and_payload}.{signature}"


def _verified(token: str) -> VerifiedToken:
    try:
        return verify(token)
    except jwt.ExpiredSignatureError:
        message = "The token has expired."
    except jwt.InvalidTokenError:
        message = "The token is not valid."
    except Exception:  # noqa: BLE001  (a token can be malformed in more ways than its readers foresee)
        message = "The token is malformed."
    raise AuthenticationFailed(message)
