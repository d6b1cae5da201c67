# SPDX-License-Identifier: AGPL-3.0-only
"""The base of every REST view."""

from collections.abc import Callable
from functools import cache
from typing import Any, override

from django.db import transaction
from django.utils.translation import get_language
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from edx_exams.apps.api.authentication import JwtAuthentication
from edx_exams.apps.api.permissions import IsAuthenticated
from edx_exams.apps.core.api import learners_by_id
from edx_exams.apps.core.limits import has_outer_blanks
from edx_exams.apps.core.models import User


class AuthenticatedRequest(Request):
    """A request that the permissions let through: its user is one of ours."""

    user: User


class ExamsAPIView(APIView):
    """
    The base of every REST view.

    A method that a view does not have is 405, whoever asks; every other refusal is an exception that one handler
    shapes. CORS preflight requests are answered before they get here, so no view has OPTIONS.
    """

    permission_classes = (IsAuthenticated,)
    http_method_names = [  # noqa: RUF012  (Django's own form)
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
    ]

    @classmethod
    @override
    def as_view(cls, **initkwargs: Any) -> Any:
        # The domain's transactions are its own: within one of a whole request none could be run again after a deadlock,
        # and the submission of an attempt that is out of time would be undone by the refusal that follows it.
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.require_method(request)
        super().initial(request, *args, **kwargs)
        for name in ("course_id", "content_id"):
            if has_outer_blanks(kwargs.get(name, "")):
                message = f"The {name} in the path begins or ends with white space."
                raise ParseError(message)

    def require_method(self, request: Request) -> None:
        """
        Refuse a method that the view does not have.

        :raises MethodNotAllowed: it has none such
        """
        method = (request.method or "").lower()
        if method not in self.http_method_names or not hasattr(self, method):
            self.http_method_not_allowed(request)

    @staticmethod
    def validated(kind: Callable[..., BaseSerializer[Any]], data: Any, **options: Any) -> Any:
        """
        Return what the caller sent, checked and converted.

        :param kind: class of the serializer
        :param options: of the serializer
        :raises ValidationError: something is wrong with it
        """
        if data is not None and not options:  # `is_valid` has a refusal of its own for null
            return _shared(kind, get_language()).run_validation(data)
        serializer = kind(data=data, **options)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data


class PolledAPIView(ExamsAPIView):
    """The base of what learners poll: their attempts in progress come along with the person, in one statement."""

    @override
    def get_authenticators(self) -> list[BaseAuthentication]:
        return [JwtAuthentication(look_up=learners_by_id)]


@cache
def _shared(kind: Callable[[], BaseSerializer[Any]], language: str | None) -> BaseSerializer[Any]:
    """
    Return the serializer that checks for all requests: to make one takes longer than to check with it.

    It keeps nothing of a request but the language of some refusals, so there is one for each language.
    """
    return kind()


def or_404[T](thing: T | None, what: str) -> T:
    """
    Return the thing itself.

    :param what: its name in the refusal, as in "exam 7"
    :raises NotFound: there is none
    """
    if thing is None:
        message = f"There is no {what}."
        raise NotFound(message)
    return thing
