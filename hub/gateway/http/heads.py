"""What a request is before its body: whether it is one of ours, and how long the body may be. Raises Refusal.

httptools (llhttp) refuses what is malformed; here is refused what it lets through: who is meant (Host), and what is no
request of ours (other versions and methods, two framings of a body, what another protocol would read otherwise).
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

import httptools

from hub.gateway.http.accepted import wants_events
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.protocol_errors import HOST, HTTP_VERSION, MALFORMED, METHOD, TOO_LARGE, Refusal

# With other methods that are known (PUT, DELETE, …) the application says which of them a path has.
METHODS = {b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"}
BATCH = b"application/cloudevents-batch+json"
AUTHORITY = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{0,5})?")


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the headers of a request, as the parser has them; header names are in lower case."""

    method: bytes
    url: bytes
    version: str
    headers: Sequence[tuple[bytes, bytes]]
    upgrades: bool
    """Whether it asks for another protocol; the parser reads no body then."""


@dataclass(frozen=True, slots=True)
class _Framing:
    hosts: Sequence[bytes]
    length: int
    coding: bytes
    is_batch: bool


def longest_body(head: Head, hosts: Set[bytes], limits: Limits) -> int:
    """Return how many bytes a request's body may have; raise Refusal for what is no request of ours.

    `hosts` are the names and addresses by which it may call us, in lower case, without ports.
    """
    if head.version not in ("1.1", "1.0"):
        raise Refusal(HTTP_VERSION)
    if head.method not in METHODS:
        raise Refusal(METHOD)
    if head.version == "1.0" and wants_events(head.headers):  # which knows no chunks, and a stream has no length
        raise Refusal(HTTP_VERSION)
    framing = _framing(head.headers)
    if len(framing.hosts) > 1 or (not framing.hosts and head.version == "1.1"):
        raise Refusal(HOST)
    if not all(_is_ours(host, hosts) for host in framing.hosts):
        raise Refusal(HOST)
    _check_url(head.url, hosts)
    if framing.coding and (framing.coding.lower() != b"chunked" or head.version == "1.0"):
        raise Refusal(MALFORMED)
    if head.upgrades and (framing.coding or framing.length):  # the parser would take the body for another protocol
        raise Refusal(MALFORMED)
    most = limits.batch if framing.is_batch else limits.body
    if framing.length > most:
        raise Refusal(TOO_LARGE)
    return most


def _framing(headers: Sequence[tuple[bytes, bytes]]) -> _Framing:
    hosts, length, coding, is_batch = [], 0, b"", False
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            if coding:
                raise Refusal(MALFORMED)
            coding = value
        elif name == b"content-type" and value.lower().startswith(BATCH):
            is_batch = True
    return _Framing(hosts, length, coding, is_batch)


def _check_url(url: bytes, hosts: Set[bytes]) -> None:
    if b"#" in url:  # a fragment is never sent
        raise Refusal(MALFORMED)
    if url.startswith(b"/"):
        return
    parsed = httptools.parse_url(url)  # a whole address, as for a proxy: its host is meant, whatever Host says
    if parsed.path is None or not parsed.host:
        raise Refusal(MALFORMED)
    if parsed.userinfo or not _is_ours(parsed.host, hosts):
        raise Refusal(HOST)


def _is_ours(authority: bytes, hosts: Set[bytes]) -> bool:
    found = AUTHORITY.fullmatch(authority.lower())
    return found is not None and found[1] in hosts
