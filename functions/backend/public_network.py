"""Calls to URLs that a caller gave: only out to the internet, never to an address of our own network.

    name ─▶ resolved once ─▶ every address judged ─▶ connected to one of those very addresses ─▶ TLS asks for the name

What is judged is what is connected to, so a name that changes its address in between gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping

import httpcore
from httpcore import SOCKET_OPTION, NetworkBackend, NetworkStream

from jobs.errors import Unavailable

Resolve = Callable[[str, int], list[str]]
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 10.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def post(url: str, headers: Mapping[str | bytes, str | bytes], body: bytes, *, trusted: tuple[str, ...] = ()) -> int:
    """The status of the answer, whose body is not read; no redirect is followed. `trusted`: hosts whose address may be
    any. Raises Unavailable where there is no answer."""
    timeout = {"connect": _CONNECT_SECONDS, "read": _ANSWER_SECONDS, "write": _ANSWER_SECONDS, "pool": 1.0}
    try:
        with (
            httpcore.ConnectionPool(network_backend=PublicNetwork(trusted)) as pool,
            pool.stream("POST", url, headers=headers, content=body, extensions={"timeout": timeout}) as response,
        ):
            return response.status
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
        raise Unavailable("The webhook cannot be reached.") from error


def is_private_address(host: str) -> bool:
    """Whether a URL's host is an address, and not a public one."""
    try:
        return not is_public(ipaddress.ip_address(host))
    except ValueError:
        return False


class PublicNetwork(NetworkBackend):
    """Connects to what a name resolves to now, if all of it is public. TLS still asks for the name's certificate."""

    def __init__(self, trusted: tuple[str, ...] = (), resolve: Resolve | None = None) -> None:
        self._sync = httpcore.SyncBackend()
        self._trusted = trusted
        self._resolve = resolve or _resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        addresses = self._resolve(host, port)
        if host not in self._trusted and not all(is_public(ipaddress.ip_address(each)) for each in addresses):
            raise httpcore.ConnectError("a webhook leads to an address that is not public")
        return self._sync.connect_tcp(addresses[0], port, timeout, local_address, socket_options)


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is out on the internet, whatever it is wrapped in: IPv4 in IPv6, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo[1] if address.teredo else None
        inner = address.ipv4_mapped or address.sixtofour or teredo
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _resolve(host: str, port: int) -> list[str]:
    """Raises httpcore.ConnectError where there is no such name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError("the name of a webhook's host is not known") from error
    return [str(address[4][0]) for address in found]
