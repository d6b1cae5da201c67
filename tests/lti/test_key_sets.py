# SPDX-License-Identifier: AGPL-3.0-only
"""Tools' keys: fetched over real sockets, remembered, rotated; at no price for our own network or the vendor's."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from pytest_django import Settings

from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.lti import fetching, key_set_cache, platform_keys
from edx_exams.apps.lti.exceptions import KeysNotReady
from edx_exams.apps.lti.fetching import FetchFailed, fetch_key_set, is_public
from edx_exams.apps.lti.key_sets import read_key_set, select_keys, usable_keys
from edx_exams.apps.lti.models import LtiTool
from edx_exams.apps.lti.tool_keys import problems, verified_claims
from edx_exams.apps.lti.tool_messages import Refused
from tests.lti.forgeries import part
from tests.lti.keyserver import KeyServer, dead_url, drip, flood, hang, key_server, redirect_to, send
from tests.lti.vendor import Browser, Vendor, jwk_of, pem_of, register, rsa_key
from tests.sampling import examples

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as running:
        yield running


@pytest.fixture
def publisher(server: KeyServer) -> Vendor:
    """A vendor who publishes a key set."""
    vendor = register("publisher", public_key="", keyset_url=server.url)
    server.key_set = {"keys": [jwk_of(vendor.key, vendor.kid)]}
    return vendor


def reloaded(vendor: Vendor) -> LtiTool:
    """As another process has it."""
    return LtiTool.objects.get(pk=vendor.tool.pk)


def verify(vendor: Vendor, *, key: Any = None, kid: Any = "vendor-key") -> bool:
    message = vendor.sign({"a": 1}, key=key, **({} if kid is None else {"kid": kid}))
    if kid is None:
        import json  # noqa: PLC0415

        import jwt  # noqa: PLC0415

        message = jwt.PyJWS().encode(json.dumps({"a": 1}).encode(), key or vendor.key, "RS256")
    try:
        return verified_claims(reloaded(vendor), message) == {"a": 1}
    except Refused:
        return False


def a_minute_passes() -> None:
    a_minute_ago = timezone.now() - timedelta(seconds=61)
    LtiTool.objects.update(keyset_tried_at=a_minute_ago, keyset_refetched_at=a_minute_ago)


def test_a_key_set_is_fetched_once_for_all_processes(publisher: Vendor, server: KeyServer) -> None:
    for _ in range(5):
        cache.clear()
        assert verify(publisher)
    assert server.asked == 1


def test_a_rotated_key_is_found(publisher: Vendor, server: KeyServer) -> None:
    assert verify(publisher)
    new = rsa_key("rotated")
    server.key_set["keys"].append(jwk_of(new, "new"))
    a_minute_passes()
    assert verify(publisher, key=new, kid="new")
    assert verify(publisher), "the former one is there still"
    assert server.asked == 2


def test_a_key_that_was_rotated_a_moment_after_we_asked_is_found_at_once(publisher: Vendor, server: KeyServer) -> None:
    assert verify(publisher)
    new = rsa_key("rotated")
    server.key_set["keys"].append(jwk_of(new, "new"))
    assert verify(publisher, key=new, kid="new")
    assert server.asked == 2
    assert not verify(publisher, key=rsa_key("stranger"), kid="newer"), "but not a second time in this minute"
    assert server.asked == 2


def test_a_first_message_with_an_unknown_kid_makes_us_ask_once(publisher: Vendor, server: KeyServer) -> None:
    assert not verify(publisher, key=rsa_key("stranger"), kid="guess")
    assert server.asked == 1


def test_a_vendor_who_does_not_answer_is_not_asked_sooner_for_an_unknown_kid(
    publisher: Vendor, server: KeyServer
) -> None:
    server.answer = lambda request: send(request, 503, b"")
    for number in range(5):
        assert not verify(publisher, key=rsa_key("stranger"), kid=f"guess-{number}")
    assert server.asked == 1
    with pytest.raises(Refused, match="could not get the keys"):
        verified_claims(reloaded(publisher), publisher.sign({}))


def test_a_new_key_that_another_request_is_fetching_is_waited_for(
    publisher: Vendor, server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many learners come back in the second after a rotation: one of them asks, and all go on."""
    assert verify(publisher)
    new, now = rsa_key("rotated"), timezone.now()
    LtiTool.objects.update(keyset_tried_at=now, keyset_refetched_at=now, keyset_fetch_started_at=now)
    answer = {"keyset": {"keys": [jwk_of(new, "new")]}, "keyset_fetched_at": timezone.now()}
    monkeypatch.setattr(time, "sleep", lambda _: LtiTool.objects.update(**answer))
    assert verify(publisher, key=new, kid="new")
    assert server.asked == 1


def test_unknown_kids_make_us_ask_once_a_minute_whatever_anybody_sends(publisher: Vendor, server: KeyServer) -> None:
    assert verify(publisher)
    a_minute_passes()
    for number in range(10):
        assert not verify(publisher, key=rsa_key("stranger"), kid=f"guess-{number}")
    assert server.asked == 2


def test_without_a_kid_each_key_is_tried(publisher: Vendor, server: KeyServer) -> None:
    server.key_set["keys"] = [jwk_of(rsa_key("other"), None), jwk_of(publisher.key, None)]
    assert verify(publisher, kid=None)
    assert not verify(publisher, key=rsa_key("stranger"), kid=None)


def test_a_kid_chooses_its_key_and_no_other(publisher: Vendor, server: KeyServer) -> None:
    server.key_set["keys"] = [jwk_of(publisher.key, "a"), jwk_of(rsa_key("other"), "b")]
    assert verify(publisher, kid="a")
    assert not verify(publisher, kid="b")


@pytest.mark.parametrize("kid", ["b", 5, ["a"], {"a": 1}])
def test_with_a_pem_the_kid_is_ignored(vendor: Vendor, kid: Any) -> None:
    import json  # noqa: PLC0415

    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415

    head = f"{part(json.dumps({'alg': 'RS256', 'kid': kid}).encode())}.{part(b'{}')}"
    signature = vendor.key.sign(head.encode(), PKCS1v15(), hashes.SHA256())
    if isinstance(kid, str):
        assert verified_claims(vendor.tool, f"{head}.{part(signature)}") == {}
    else:  # RFC 7515: a string
        with pytest.raises(Refused):
            verified_claims(vendor.tool, f"{head}.{part(signature)}")


def test_a_pem_beside_the_key_set_verifies_too(publisher: Vendor, server: KeyServer) -> None:
    own = rsa_key("by hand")
    LtiTool.objects.filter(pk=publisher.tool.pk).update(public_key=pem_of(own))
    assert verify(publisher)
    assert verify(publisher, key=own, kid="whatever")


def test_launches_go_on_while_the_vendor_is_down(publisher: Vendor, server: KeyServer, settings: Settings) -> None:
    assert verify(publisher)
    server.answer = lambda request: send(request, 503, b"")
    LtiTool.objects.update(keyset_fetched_at=timezone.now() - timedelta(hours=2))
    for _ in range(3):
        a_minute_passes()
        assert verify(publisher)
    LtiTool.objects.update(keyset_fetched_at=timezone.now() - timedelta(hours=25))
    assert not verify(publisher), "but not for ever: a key may have been withdrawn"


def test_a_key_that_the_vendor_withdraws_is_no_longer_good(publisher: Vendor, server: KeyServer) -> None:
    assert verify(publisher)
    server.key_set["keys"] = [jwk_of(rsa_key("rotated"), "new")]
    LtiTool.objects.update(keyset_fetched_at=timezone.now() - timedelta(minutes=61))
    a_minute_passes()
    assert not verify(publisher)


def test_both_sides_may_rotate_their_keys_in_the_middle_of_a_launch(
    publisher: Vendor, server: KeyServer, browser: Browser
) -> None:
    from tests.factories import make_attempt  # noqa: PLC0415
    from tests.lti.vendor import proctored_exam  # noqa: PLC0415

    attempt: ExamAttempt = make_attempt(proctored_exam(publisher), browser.user)
    assert publisher.access_token()
    launch = browser.launch(attempt, publisher)
    ours = platform_keys.rotate_key(publisher.tool)
    publisher.key, publisher.kid = rsa_key("rotated"), "new"
    server.key_set = {"keys": [jwk_of(publisher.key, "new")]}
    assert browser.answer(publisher.start_assessment(launch)).status_code == 200
    assert publisher.access_token()
    assert browser.launch(attempt, publisher)["nonce"], "and the next one is signed with our new key"
    assert platform_keys.signing_key(publisher.tool) == ours


# What a vendor's server may do to us


def test_one_that_hangs_is_left(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "STEP_TIMEOUT", 0.2)
    server.answer = hang
    began = time.monotonic()
    with pytest.raises(FetchFailed):
        fetch_key_set(server.url)
    assert time.monotonic() - began < 0.9


def test_one_that_sends_a_byte_at_a_time_is_left(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TOTAL_TIMEOUT", 0.3)
    server.answer = drip
    began = time.monotonic()
    with pytest.raises(FetchFailed):
        fetch_key_set(server.url)
    assert time.monotonic() - began < 2


def test_one_that_sends_without_end_is_left(server: KeyServer) -> None:
    server.answer = flood
    with pytest.raises(FetchFailed, match="larger than"):
        fetch_key_set(server.url)


def test_a_redirect_is_not_followed(server: KeyServer) -> None:
    with key_server() as inner:
        server.answer = redirect_to(inner.url)
        with pytest.raises(FetchFailed, match="302"):
            fetch_key_set(server.url)
        assert inner.asked == 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"keys": {}}', b"\xff", b"[" * 100_000])
def test_what_is_no_key_set_is_refused(server: KeyServer, body: bytes) -> None:
    server.answer = lambda request: send(request, 200, body)
    with pytest.raises(FetchFailed):
        fetch_key_set(server.url)


def test_nobody_at_home_is_a_failure() -> None:
    with pytest.raises(FetchFailed):
        fetch_key_set(dead_url())


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "127.1"])  # noqa: S104
def test_our_own_network_is_not_asked(server: KeyServer, settings: Settings, host: str, scheme: str) -> None:
    settings.LTI_TOOL_URL_ALLOWED_HOSTS = []
    port = server.url.rpartition(":")[2]
    with pytest.raises(FetchFailed):
        fetch_key_set(f"{scheme}://{host}:{port}")
    assert server.asked == 0


def test_a_name_that_leads_to_us_is_not_asked(
    server: KeyServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server's answer at the moment of connecting counts, however honest it was before."""
    settings.LTI_TOOL_URL_ALLOWED_HOSTS = []
    inside = ("127.0.0.1", int(server.url.rsplit(":", 1)[1].split("/")[0]))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", inside)])
    with pytest.raises(FetchFailed, match="not a public one"):
        fetch_key_set("https://vendor.example.com/jwks")
    assert server.asked == 0


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "nonsense", "192.0.0.192", "64:ff9b:1::7f00:1", "fec0::1",
        "::127.0.0.1", "::ffff:192.0.0.192", "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_that_is_public_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/",
        "file:///etc/passwd",
        "https://",
        "https://user@host/",
        "http://[",
        "https://h:99999/",
        "https://h/a b",
        "https://h/\r\nX: y",
    ],
)
def test_what_is_no_web_address_is_not_asked(url: str) -> None:
    with pytest.raises(FetchFailed):
        fetch_key_set(url)


def test_keys_that_are_none_are_passed_over(publisher: Vendor, server: KeyServer) -> None:
    good = server.key_set["keys"][0]
    server.key_set["keys"] = [
        None,
        "text",
        {},
        {"kty": "RSA", "kid": publisher.kid, "n": 5, "e": []},
        {"kty": "oct", "kid": publisher.kid, "k": "c2VjcmV0"},
        {**good, "use": "enc"},
        jwk_of(rsa_key("weak", 1024), publisher.kid),
        good,
    ]
    assert verify(publisher)


_ABSENT: tuple[Any, ...] = (None, "", [])


@pytest.mark.parametrize(
    "absent", [{name: value} for name in ("use", "alg", "kid", "d", "x5c", "key_ops") for value in _ABSENT]
)
def test_a_member_that_is_null_or_empty_counts_as_absent(absent: dict[str, Any]) -> None:
    (usable,) = usable_keys([{**jwk_of(rsa_key("publisher"), "a"), **absent}])
    assert usable.get("kid") == (None if "kid" in absent else "a")


@pytest.mark.parametrize("kid", [5, True, ["a"], {"a": 1}, "\ud800", "\0", "x" * 2000])
def test_a_kid_that_is_no_text_counts_as_absent(kid: Any) -> None:
    (usable,) = usable_keys([{**jwk_of(rsa_key("publisher"), None), "kid": kid}])
    assert "kid" not in usable


def test_the_whole_set_is_searched(publisher: Vendor, server: KeyServer) -> None:
    others = [jwk_of(rsa_key("other"), f"k{number}") for number in range(300)]
    server.key_set["keys"] = [*others, *server.key_set["keys"]]
    assert verify(publisher)


def test_keys_without_a_kid_are_tried_where_none_has_the_messages(publisher: Vendor, server: KeyServer) -> None:
    server.key_set["keys"] = [jwk_of(rsa_key("other"), "b"), jwk_of(publisher.key, None)]
    assert verify(publisher, kid="vendor-key")
    assert not verify(publisher, key=rsa_key("other"), kid="vendor-key")


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.sampled_from(["RSA", "sig", "enc", "AQAB", "oct", "EC", "vendor-key", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["kty", "use", "alg", "kid", "n", "e", "d", "x5c", "x5t", "key_ops", "crv", "k"])
ENTRIES = ODD | st.dictionaries(MEMBERS, ODD, max_size=8)


@given(
    before=st.lists(ENTRIES, max_size=6), after=st.lists(ENTRIES, max_size=6), noise=st.dictionaries(MEMBERS, st.none())
)
@settings_of(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_stands_around_it_the_good_key_is_found(
    before: list[Any], after: list[Any], noise: dict[str, None]
) -> None:
    """NaN, infinities and lone surrogates included: as Python's own encoder, and many another, writes them."""
    key = rsa_key("publisher")
    document = json.dumps({"keys": [*before, {**noise, **jwk_of(key, "good")}, *after]})
    usable = usable_keys(read_key_set(document.encode()))
    assert key.public_key().public_numbers() in [chosen.public_numbers() for chosen in select_keys(usable, "good")]
    json.dumps(usable, allow_nan=False).encode()  # any database takes it


@pytest.mark.parametrize("odd", ["NaN", "1e999", "-Infinity", '"\\ud800"', "9" * 5000, "[" * 500 + "]" * 500])
def test_an_entry_that_cannot_be_stored_locks_nobody_out(publisher: Vendor, server: KeyServer, odd: str) -> None:
    good = json.dumps(server.key_set["keys"][0])
    body = f'{{"keys": [{{"kty": "RSA", "kid": "vendor-key", "n": {odd}, "x": {odd}}}, {good}], "y": {odd}}}'
    server.answer = lambda request: send(request, 200, body.encode())
    assert verify(publisher)
    assert server.asked == 1
    assert verify(publisher), "from what is stored"
    assert server.asked == 1


# Many at once, with a vendor who does not answer


def test_no_more_than_two_threads_of_a_process_wait_for_keys(publisher: Vendor, server: KeyServer) -> None:
    with ExitStack() as places:
        for _ in range(key_set_cache.MAX_BUSY_THREADS):
            assert places.enter_context(key_set_cache._a_place())
        with pytest.raises(KeysNotReady):
            verify(publisher)
        assert server.asked == 0
        answer = publisher.ask_for_token()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.json()["error"] == "temporarily_unavailable"
    assert verify(publisher)


def test_others_go_on_with_the_old_keys_while_new_ones_are_fetched(publisher: Vendor, server: KeyServer) -> None:
    assert verify(publisher)
    two_hours_ago, now = timezone.now() - timedelta(hours=2), timezone.now()
    LtiTool.objects.update(keyset_fetched_at=two_hours_ago, keyset_tried_at=now, keyset_fetch_started_at=now)
    began = time.monotonic()
    assert verify(publisher)
    assert time.monotonic() - began < 0.5
    assert server.asked == 1


@pytest.mark.exhaustive
def test_a_fetch_that_goes_on_is_waited_for_a_second_and_then_put_off(publisher: Vendor, server: KeyServer) -> None:
    now = timezone.now()
    LtiTool.objects.update(keyset_tried_at=now, keyset_fetch_started_at=now)
    began = time.monotonic()
    with pytest.raises(KeysNotReady):
        verify(publisher)
    assert 0.9 < time.monotonic() - began < 3
    assert server.asked == 0


def test_a_slow_name_server_is_within_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any, **__: Any) -> list[Any]:
        time.sleep(1.5)
        return []

    monkeypatch.setattr(fetching, "STEP_TIMEOUT", 0.2)
    monkeypatch.setattr("socket.getaddrinfo", slow)
    began = time.monotonic()
    with pytest.raises(FetchFailed, match="No answer"):
        fetch_key_set("https://slow.example.com/jwks")
    assert time.monotonic() - began < 1


# What the operator is told


def test_the_operator_is_told_what_is_wrong(publisher: Vendor, server: KeyServer) -> None:
    assert problems(publisher.tool) == []
    server.key_set = {"keys": [{"kty": "EC"}]}
    assert "None of the key set's 1 keys" in problems(publisher.tool)[0]
    server.key_set = {"keys": [jwk_of(publisher.key, None)]}
    assert "kid" in problems(publisher.tool)[0]
    server.answer = redirect_to("https://elsewhere.example.com")
    assert "302" in problems(publisher.tool)[0]
    bare = register("bare", public_key="").tool
    assert "neither" in problems(bare)[0]
    bare.public_key = "text"
    assert "PEM" in problems(bare)[0]
