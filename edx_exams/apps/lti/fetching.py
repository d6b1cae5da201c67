# SPDX-License-Identifier: AGPL-3.0-only
"""
Fetching a tool's key set: an address that somebody typed in, asked for by our server, so with nothing taken on trust.

No redirect is followed, nothing is read without end, and no connection is made to an address that is not public: the
address that is checked is the one connected to, whatever a name server says a moment later.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from typing import Any, Final, NamedTuple, override
from urllib.parse import urlsplit

from django.conf import settings

from edx_exams.apps.lti.key_sets import UnusableKeySet, read_key_set
from edx_exams.dns import addresses_of

_USER_AGENT: Final = "edx-exams"
#: Seconds for one step of the network, and for everything.
STEP_TIMEOUT: Final = 3.0
TOTAL_TIMEOUT: Final = 6.0
#: Bytes. A key set of twenty keys has ten thousand.
LARGEST_KEY_SET: Final = 262_144
_CHUNK: Final = 16_384


class FetchFailed(Exception):
    """The key set could not be had; the text says why, for the operator."""


def fetch_key_set(url: str) -> list[Any]:
    """
    Fetch the entries of the key set at this address, usable or not.

    :raises FetchFailed: it is not to be had, or not to be asked for
    """
    try:
        return read_key_set(_fetch(url))
    except UnusableKeySet as error:
        raise FetchFailed(str(error)) from None


class Address(NamedTuple):
    """
    Address of a key set.

    :param is_trusted: the operator has named the host: its address may be private, and it may be asked without TLS
    """

    scheme: str
    host: str
    port: int
    target: str
    is_trusted: bool


def address_of(url: str) -> Address:
    """
    Take an address apart. Nobody is asked.

    :raises FetchFailed: it is not to be asked for
    """
    scheme, host, port, target = _parts(url)
    is_trusted = host in {allowed.lower() for allowed in settings.LTI_TOOL_URL_ALLOWED_HOSTS}
    if scheme != "https" and not is_trusted:
        raise FetchFailed("The address must begin with https://.")
    return Address(scheme, host, port, target, is_trusted)


def _fetch(url: str) -> bytes:
    scheme, host, port, target, is_trusted = address_of(url)
    connection = _Connection(host, port, is_tls=scheme == "https", may_be_private=is_trusted)
    # The last word against whoever answers a byte at a time: each read would be in time.
    deadline = threading.Timer(TOTAL_TIMEOUT, connection.abort)
    deadline.daemon = True
    deadline.start()
    try:
        connection.request("GET", target, headers={"User-Agent": _USER_AGENT, "Accept": "application/json"})
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise FetchFailed(f"The answer has status {response.status}; redirects are not followed.")
        return _bounded(response)
    except TimeoutError:
        raise FetchFailed(f"No answer within {STEP_TIMEOUT:g} seconds.") from None
    except ssl.SSLCertVerificationError as error:
        raise FetchFailed(f"The server's certificate is refused: {error.verify_message}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FetchFailed(f"The connection failed: {type(error).__name__}.") from None
    finally:
        deadline.cancel()
        connection.close()


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of an address."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise FetchFailed("This is not a valid web address.") from None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise FetchFailed("This is not a valid web address.")
    target = parts.path or "/"
    if parts.query:
        target += f"?{parts.query}"
    if not target.isascii() or any(character <= " " for character in target):
        raise FetchFailed("This is not a valid web address.")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target


def _bounded(response: http.client.HTTPResponse) -> bytes:
    """The answer's body, of which no more than a little too much is read."""
    body = bytearray()
    deadline = time.monotonic() + TOTAL_TIMEOUT
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > LARGEST_KEY_SET:
            raise FetchFailed(f"The answer is larger than {LARGEST_KEY_SET:,} bytes.")
        if time.monotonic() > deadline:
            raise FetchFailed(f"The answer took longer than {TOTAL_TIMEOUT:g} seconds.")
    return bytes(body)


class _Connection(http.client.HTTPConnection):
    """A connection that looks at the address before it is made."""

    def __init__(self, host: str, port: int, *, is_tls: bool, may_be_private: bool) -> None:
        super().__init__(host, port, timeout=STEP_TIMEOUT)
        self._is_tls, self._may_be_private = is_tls, may_be_private
        self._aborted = False

    @override
    def connect(self) -> None:
        self.sock = self._connected_socket()
        if self._is_tls:
            tls = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = tls  # known to `abort` before the handshake, in which the other side may dawdle too
            tls.do_handshake()

    def _connected_socket(self) -> socket.socket:
        problem: Exception = FetchFailed("The host's name has no address.")
        try:
            found = addresses_of(self.host, self.port, STEP_TIMEOUT)
        except TimeoutError:
            raise
        except (OSError, UnicodeError):
            raise problem from None
        for address in found:
            if self._aborted:
                raise TimeoutError
            if not (self._may_be_private or is_public(address[0])):
                problem = FetchFailed("The host's address is not a public one.")
                continue
            try:
                return socket.create_connection(address, STEP_TIMEOUT)
            except OSError as error:
                problem = error
        raise problem

    def abort(self) -> None:
        """End it from another thread: whoever reads gets an error or the end."""
        self._aborted = True
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return


#: Networks that are not of the public internet, whatever the Python release knows of them.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments
        "64:ff9b:1::/48",  # local-use translation, RFC 8215
        "100::/64",  # discard-only
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, deprecated
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def is_public(address: str) -> bool:
    """Tell whether this is an address of the public internet, in none of IPv6's forms of a private IPv4 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if not all(map(_is_global, _embedded_addresses(ip))):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return _is_global(ip)


def _embedded_addresses(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """List the IPv4 addresses that an IPv6 address stands for, or leads to."""
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64 or ip in _COMPATIBLE:
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [inner for inner in found if inner is not None]


def _is_global(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    is_excepted = any(ip in network for network in _NOT_PUBLIC if network.version == ip.version)
    return ip.is_global and not ip.is_multicast and not is_excepted
