# SPDX-License-Identifier: AGPL-3.0-only
"""Client of the legacy service (edx-proctoring in the LMS): bounded in time and size, one token a process."""

import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import IO, Any, Final, NamedTuple, TypeGuard, cast, override
from urllib.parse import quote, urlencode

import requests
import urllib3.exceptions
from django.conf import settings
from edx_django_utils.monitoring import set_custom_attribute
from edx_rest_api_client.client import ACCESS_TOKEN_EXPIRED_THRESHOLD_SECONDS, OAuthAPIClient, get_request_id
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies
from rest_framework.exceptions import APIException
from urllib3.util import Timeout

from edx_exams.apps.api.parsers import BoundedJSONParser
from edx_exams.apps.router.breaker import CircuitBreaker
from edx_exams.apps.router.exceptions import ConnectionCut, LegacyServiceFailed, Unreachable, UnusableResponse
from edx_exams.apps.router.transport import DeadlineAdapter
from edx_exams.logs import REQUEST_ID

log = logging.getLogger(__name__)

_API: Final = "/api/edx_proctoring/v1/"
_TOKENS: Final = "/oauth2/access_token"
#: Seconds before its end at which a token is no longer sent.
_EXPIRES_EARLY: Final[int] = ACCESS_TOKEN_EXPIRED_THRESHOLD_SECONDS
#: Seconds. A token that is refused at this age, and never was accepted, will not be if it is asked for once more.
_YOUNG: Final = 30


class LegacyResponse(NamedTuple):
    """Response of the legacy service. `data` holds our own text where it was a 4xx without JSON."""

    status: int
    data: Any
    is_json: bool = True


class _Token(NamedTuple):
    """A token of the LMS; times of the monotonic clock."""

    text: str
    obtained: float
    expires: float


_NO_TOKEN: Final = _Token("", -math.inf, -math.inf)


class _Deadline:
    """Time left for one call, its token and its second try included."""

    def __init__(self, connect: float, read: float) -> None:
        self._connect, self._read = connect, read
        self._end = time.monotonic() + connect + read

    def left(self) -> float:
        """
        Seconds.

        :raises Unreachable: none
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise Unreachable
        return seconds

    def for_request(self) -> Timeout:
        """The time-outs of a request that begins now."""
        return Timeout(total=self.left(), connect=self._connect, read=self._read)


class LegacyClient(OAuthAPIClient):
    """
    The legacy service, for all threads of a process.

    The library's client, with what it leaves to chance settled: its time-outs bound pieces of an answer, each of
    several threads gets a token of its own, and the secret follows a redirect of the token request anywhere.
    """

    def __init__(self, root_url: str, key: str, secret: str, *, connect: float, read: float, pause: float) -> None:
        """
        Connect to nothing yet.

        :param connect: seconds for a connection to be made
        :param read: seconds for an answer to come, and together with `connect` for a whole call
        :param pause: seconds for which `breaker` has the service left alone after a failure
        """
        super().__init__(root_url, key, secret, timeout=(connect, read))
        self.headers["Accept"] = "application/json"
        # With `trust_env` requests would look for the environment's proxies and certificates anew for each request.
        self.proxies.update(get_environ_proxies(root_url))
        self.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self.mount(scheme, DeadlineAdapter())
        self.breaker = CircuitBreaker(pause)
        self._token = self._accepted = self._stale = _NO_TOKEN
        self._refreshing = threading.Lock()
        self._failure: tuple[float, type[LegacyServiceFailed]] = (-math.inf, LegacyServiceFailed)

    def ask(
        self,
        method: str,
        path: str,
        *ids: str,
        query: Mapping[str, str | int] | None = None,
        body: bytes | None = None,
        retry: bool = False,
        read_timeout: float | None = None,
    ) -> LegacyResponse:
        """
        Ask the legacy service something; its answers of 4xx and, where they are JSON, of 5xx are answers too.

        :param path: below its API, with `{}` where the ids go
        :param body: JSON
        :param retry: try once more if the connection is cut or an old token refused: for what changes nothing
        :param read_timeout: seconds for the answer, where the client's own are too few
        :raises LegacyServiceFailed: it gave no answer that could be passed on
        """
        url = f"{self._base_url}{_API}{path.format(*(quote(each, safe='') for each in ids))}"
        if query:
            url += f"?{urlencode(query, quote_via=quote)}"
        headers = _headers(has_body=body is not None)
        connect, read = self._timeout
        remaining = _Deadline(connect, read if read_timeout is None else read_timeout)
        try:
            while True:
                token = self._authenticate(remaining)
                try:
                    answer = self._exchange(self._send, method, url, remaining, data=body, headers=headers)
                except ConnectionCut:
                    if not retry:
                        raise
                else:
                    if answer.status != 401:
                        self._accepted = token
                        return answer
                    if not (self._mark_stale(token) and retry):
                        return answer
                retry = False
        except LegacyServiceFailed as failure:
            # The path without its ids, the kind without its text: addresses and errors quote whom it is about.
            log.warning("The legacy service failed: %s %s: %s", method, path, type(failure).__name__)
            raise

    def _send(
        self, method: str, url: str, *, data: bytes | None, headers: Mapping[str, str], **options: Any
    ) -> requests.Response:
        """
        Make a request as the session does, without what it works out anew each time: that is a third of an exchange.

        The url is complete and quoted; neither cookies nor hooks are wanted.
        """
        request = requests.PreparedRequest()
        request.method, request.url, request.hooks = method, url, {}
        request.headers = CaseInsensitiveDict({**self.headers, **headers})
        request.prepare_cookies(self.cookies)  # which keep none
        if data is not None:
            request.prepare_body(data, None)
        set_custom_attribute("api_client", "OAuthAPIClient")  # as the library does
        signed = self.auth(request)
        response: requests.Response = self.send(signed, verify=self.verify, proxies=self.proxies, **options)
        return response

    @override
    def _ensure_authentication(self) -> None:
        """Called by the library before each request; `ask` has seen to it already."""
        self._authenticate(_Deadline(*self._timeout))

    def _authenticate(self, remaining: _Deadline) -> _Token:
        """
        A token that has not expired: one request for all threads that find none.

        :raises LegacyServiceFailed: none was to be had
        """
        if self._is_usable(token := self._token):
            return token
        asked = time.monotonic()
        if not self._refreshing.acquire(timeout=remaining.left()):
            raise Unreachable
        try:
            if self._is_usable(token := self._token):
                return token
            failed, failure = self._failure
            if failed >= asked:  # while this thread waited: it shares the outcome
                raise failure
            try:
                token = self._new_token(remaining)
            except LegacyServiceFailed as error:
                self._failure = (time.monotonic(), type(error))
                raise
            self.auth.token = token.text  # first, for whoever sees the other sends this one
            self._token = token
            return token
        finally:
            self._refreshing.release()

    def _is_usable(self, token: _Token) -> bool:
        return token is not self._stale and time.monotonic() + _EXPIRES_EARLY < token.expires

    def _mark_stale(self, refused: _Token) -> bool:
        """
        Tell whether to retry with another token than this, which was refused; the next request gets one then.

        A token that was accepted before has been revoked, or the LMS signs with another key now. One that never was is
        refused for who we are, and would be again: whoever polls shall not ask for a token each time.
        """
        is_stale = refused is self._accepted or time.monotonic() - refused.obtained > _YOUNG
        if is_stale:
            self._stale = refused
        return is_stale or refused is not self._token

    def _new_token(self, remaining: _Deadline) -> _Token:
        credentials = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "token_type": "jwt",
        }
        # The session's own request, without the library's: that would want a token first.
        request = super(OAuthAPIClient, self).request
        url = f"{self._base_url}{_TOKENS}"
        obtained = time.monotonic()
        answer = self._exchange(request, "POST", url, remaining, data=credentials, auth=_unauthenticated)
        fields = answer.data if answer.status == 200 and isinstance(answer.data, dict) else {}
        text, lifetime = fields.get("access_token"), fields.get("expires_in")
        if not _is_token(text) or not isinstance(lifetime, (int, float)):
            log.warning("The LMS gives no access token: status %s.", answer.status)
            raise UnusableResponse
        return _Token(text, obtained, obtained + lifetime)

    @staticmethod
    def _exchange(
        request: Callable[..., Any], method: str, url: str, remaining: _Deadline, **content: Any
    ) -> LegacyResponse:
        """
        One request and its answer.

        :raises LegacyServiceFailed: none that could be passed on
        """
        timeout = remaining.for_request()
        try:
            with request(method, url, timeout=timeout, allow_redirects=False, stream=True, **content) as response:
                return _read(response)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise Unreachable from None
        except requests.RequestException as error:
            is_cut = bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)
            raise (ConnectionCut if is_cut else Unreachable) from None
        except (urllib3.exceptions.HTTPError, ValueError):
            # The answer began, and its rest is missing or in no known encoding; or it leads to what is no address.
            raise UnusableResponse from None


def _read(response: requests.Response) -> LegacyResponse:
    """
    The answer in this response, of which no more is read than of a request to us.

    :raises UnusableResponse: it is a redirect, or no JSON
    """
    status = response.status_code
    response.raw.decode_content = True
    try:
        if not (200 <= status < 300 or 400 <= status < 600):
            raise UnusableResponse
        data = BoundedJSONParser().parse(cast("IO[bytes]", response.raw))
        json.dumps(data, allow_nan=False)  # 1e999 is read as infinity, which cannot be passed on
    except (APIException, ValueError):
        if not 400 <= status < 500:
            raise UnusableResponse from None
        detail = f"The platform's older exam system refused this with status {status}."
        return LegacyResponse(status, {"detail": detail}, is_json=False)
    return LegacyResponse(status, data)


def _headers(*, has_body: bool) -> dict[str, str]:
    headers = {"Content-Type": "application/json"} if has_body else {}
    # The caller's own, if it is one: a poll with an impossible one would be a failure for all.
    request_id = get_request_id()
    if request_id is not None:
        headers["X-Request-ID"] = request_id if REQUEST_ID.fullmatch(request_id) else "-"
    return headers


def _is_token(value: object) -> TypeGuard[str]:
    """Tell whether this can stand in a header."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable()


def _unauthenticated(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


_making: Final = threading.Lock()


def legacy_client() -> LegacyClient:
    """The process's client, made when it is first wanted."""
    with _making:
        return _client(
            settings.LEGACY_INTERNAL_URL or settings.LMS_ROOT_URL,
            settings.BACKEND_SERVICE_EDX_OAUTH2_KEY,
            settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET,
            connect=settings.LEGACY_CONNECT_TIMEOUT,
            read=settings.LEGACY_READ_TIMEOUT,
            pause=settings.LEGACY_PAUSE_AFTER_FAILURE,
        )


_client: Final = lru_cache(maxsize=1)(LegacyClient)
