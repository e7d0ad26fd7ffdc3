"""The HTTPS door as strangers find it: bounded bodies, connections and time, and nothing told of the machine."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.broker.files import authority
from controller.web import protocol
from controller.web.door import MAX_BODY
from policies.errors import DeviceTimeout, EquipmentError
from policies.texts import t
from tests.replay.enrolment_bench import Site, site_on_loopback


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_on_loopback(tmp_path) as made:
        yield made


def context(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority(site.context).certificate.decode())


def asked(
    site: Site, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    link = http.client.HTTPSConnection("127.0.0.1", site.context.site.web.port, timeout=10, context=context(site))
    try:
        link.request(method, path, body, headers or {})
        answer = link.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        link.close()


def wrapped(site: Site) -> ssl.SSLSocket:
    link = socket.create_connection(("127.0.0.1", site.context.site.web.port), timeout=10)
    return context(site).wrap_socket(link, server_hostname="127.0.0.1")


def test_a_reader_is_handed_over_with_all_that_it_sent(site: Site) -> None:
    sent = {"Content-Type": "application/json", "Authorization": "Basic eDp5"}
    assert asked(site, "POST", "/reader/%E5%A4%A7%E9%97%A8", b'{"card":1}', sent)[0] == 204
    [posted] = site.posted
    assert (posted.reader, posted.content_type, posted.body) == ("大门", "application/json", b'{"card":1}')
    assert (posted.peer, posted.authorization) == ("127.0.0.1", "Basic eDp5")
    assert "eDp5" not in repr(posted)
    assert "card" not in repr(posted)
    site.status = 401
    status, headers, body = asked(site, "POST", "/reader/gate", b"x")
    assert (status, headers["www-authenticate"], body) == (401, 'Basic realm="portseal"', b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/enrol", 405), ("POST", "/enrol/x", 404), ("POST", "/enrol", 400),
     ("POST", "/renew", 403), ("GET", "/reader/gate", 405), ("POST", "/../keys/ca.key", 404), ("PUT", "/renew", 405)],
)  # fmt: skip
def test_what_is_not_served_is_refused_without_a_word_about_the_machine(
    site: Site, method: str, path: str, status: int
) -> None:
    found, headers, body = asked(site, method, path, b"noise" if method == "POST" else b"")
    assert found == status
    assert "server" not in headers
    assert b"Traceback" not in body
    assert len(body) < 60
    assert not {b"uvicorn", b"starlette", b"python"} & set(body.lower().split())


def test_a_long_body_is_refused_whether_its_length_is_told_or_not(site: Site) -> None:
    assert asked(site, "POST", "/reader/gate", b"x" * MAX_BODY)[0] == 204
    assert asked(site, "POST", "/reader/gate", b"x" * (MAX_BODY + 1))[0] == 413
    link = http.client.HTTPSConnection("127.0.0.1", site.context.site.web.port, timeout=10, context=context(site))
    link.request("POST", "/reader/gate", iter([b"x" * 10_000] * 8), encode_chunked=True,
                 headers={"Transfer-Encoding": "chunked"})  # fmt: skip
    assert link.getresponse().status == 413
    link.close()
    assert len(site.posted) == 1


def test_a_fault_behind_the_door_is_one_word(site: Site) -> None:
    def failing(_: object) -> int:
        raise RuntimeError("/srv/site: secret of the machine")

    object.__setattr__(site.door._callbacks, "reader", failing)
    status, _, body = asked(site, "POST", "/reader/gate", b"x")
    assert (status, body) == (500, b"")

    def busy(_: object) -> int:
        raise DeviceTimeout(t("the controller is too busy to answer"))

    object.__setattr__(site.door._callbacks, "reader", busy)
    assert asked(site, "POST", "/reader/gate", b"x")[0] == 503
    object.__setattr__(site.door._callbacks, "enrol", failing)
    assert asked(site, "POST", "/enrol", b"x")[::2] == (500, b'{"code":"failed"}')


def test_a_connection_that_is_merely_slow_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SECONDS", 0.3)
    with wrapped(site) as slow:
        slow.sendall(b"POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        with pytest.raises((ConnectionError, ssl.SSLError, EOFError)):
            if not slow.recv(10):
                raise EOFError
    assert asked(site, "POST", "/reader/gate", b"x")[0] == 204


def test_one_address_has_a_bounded_number_of_connections(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MOST_OF_ONE", 3)
    held = [wrapped(site) for _ in range(3)]
    try:
        with pytest.raises((ConnectionError, ssl.SSLError, EOFError)), wrapped(site) as one_more:
            one_more.sendall(b"GET / HTTP/1.1\r\n\r\n")
            if not one_more.recv(10):
                raise EOFError
    finally:
        for each in held:
            each.close()
    ends = time.monotonic() + 10
    while protocol.Bounded._from and time.monotonic() < ends:
        time.sleep(0.01)
    assert asked(site, "POST", "/reader/gate", b"x")[0] == 204


def test_noise_in_place_of_http_and_of_tls_is_answered_briefly_or_not_at_all(site: Site) -> None:
    with wrapped(site) as link:
        link.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert link.recv(200).startswith(b"HTTP/1.1 400")
    with wrapped(site) as link:
        link.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
        assert link.recv(200).startswith(b"HTTP/1.1 4")
    with socket.create_connection(("127.0.0.1", site.context.site.web.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP" not in plain.recv(200)
    assert asked(site, "POST", "/reader/gate", b"x")[0] == 204


def test_a_port_that_is_taken_is_one_line(site: Site) -> None:
    from controller.web.site import site_door

    second = site_door(site.context, site.door._callbacks)
    with pytest.raises(EquipmentError, match=r"cannot be opened.*\[web\]"):
        second.start()


def test_a_new_certificate_is_shown_to_who_comes_next(site: Site) -> None:
    from dataclasses import replace

    from controller.broker.files import broker_pair

    with wrapped(site) as link:
        before = link.getpeercert(binary_form=True)
    moved = replace(site.context.site.broker, names=("door.example",))
    broker_pair(replace(site.context, site=replace(site.context.site, broker=moved)))
    assert asked(site, "POST", "/reader/gate", b"x")[0] == 204
    with wrapped(site) as link:
        assert link.getpeercert(binary_form=True) != before


def test_it_opens_again_after_it_was_shut(site: Site) -> None:
    site.door.stop()
    with pytest.raises(OSError):
        wrapped(site)
    site.door.start()
    assert asked(site, "POST", "/reader/gate", b"x")[0] == 204
