"""Where a caller's URL may lead: out to the internet, at the moment of the connection, and nowhere else."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.public_network import PublicNetwork, is_private_address, is_public, post
from jobs.errors import Unavailable

PRIVATE = [
    *("127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),  # noqa: S104
    *("255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1"),
    *("64:ff9b::a00:1", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:db8::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    assert is_private_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
    assert not is_private_address(address)


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_an_address_public(address: ipaddress.IPv4Address) -> None:
    public = is_public(address)
    for wrapped in (
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("::ffff:0:0")) + int(address)),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) + int(address)),
        ipaddress.IPv6Address((0x2002 << 112) + (int(address) << 80)),
    ):
        assert is_public(wrapped) <= public, wrapped


@pytest.fixture
def server() -> Iterator[tuple[int, list[str]]]:
    """Answers every POST with a redirect; its port, and the paths that it was asked for."""
    asked: list[str] = []

    class Redirect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running.server_port, asked
    running.shutdown()
    thread.join()
    running.server_close()


def test_a_name_that_leads_inside_is_not_connected_to(server: tuple[int, list[str]]) -> None:
    port, asked = server
    with pytest.raises(Unavailable, match="cannot be reached"):
        post(f"http://localhost:{port}/hook", {}, b"{}")
    assert asked == []


def test_a_redirect_is_an_answer_and_is_not_followed(server: tuple[int, list[str]]) -> None:
    port, asked = server
    assert post(f"http://localhost:{port}/hook?a=1", {}, b"{}", trusted=("localhost",)) == 302
    assert asked == ["/hook?a=1"]


def test_what_was_judged_is_what_is_connected_to(server: tuple[int, list[str]]) -> None:
    """A name that is public when it is asked for first, and private when it is asked for again."""
    port, asked = server
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    connected: list[str] = []

    class Watched(PublicNetwork):
        def __init__(self) -> None:
            super().__init__(resolve=lambda host, port: next(answers))
            self._sync = Recorder()

    class Recorder(httpcore.SyncBackend):
        def connect_tcp(self, host: str, *arguments: object, **options: object) -> httpcore.NetworkStream:
            connected.append(host)
            raise httpcore.ConnectError("recorded")

    network = Watched()
    for _ in range(2):
        with pytest.raises(httpcore.ConnectError):
            network.connect_tcp("rebinding.example", port)
    assert connected == ["8.8.8.8"]
    assert asked == []


def test_one_private_address_among_public_ones_is_enough() -> None:
    network = PublicNetwork(resolve=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(httpcore.ConnectError, match="not public"):
        network.connect_tcp("mixed.example", 443)


def test_a_name_that_nobody_knows() -> None:
    with pytest.raises(Unavailable):
        post("https://nowhere.invalid/", {}, b"")
