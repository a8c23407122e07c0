"""How much one key may ask: a token bucket of requests, and so many requests and streams at once.

Only keys that are known have a bucket, so nobody fills the memory with invented ones.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from urllib.parse import parse_qsl

from hub.gateway.http.problems import Problem
from messaging.topology import Organisation


@dataclass(frozen=True)
class Limits:
    """What operators may set, by RUTA_HTTP_<NAME>."""

    rate: int = 50  # requests a second and key, in the long run
    burst: int = 500  # requests that a key that was silent may make at once
    requests_at_once: int = 16  # of a key
    streams_at_once: int = 5  # of a key
    backlog_messages: int = 10_000  # of an organisation, accepted and not yet taken up by the gateway
    backlog_bytes: int = 64 * 1024 * 1024

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Limits":
        """Read RUTA_HTTP_RATE and its like; raises ValueError for what is not a whole number from 1 on."""
        said = {one.name: environment.get(VARIABLES[one.name]) for one in fields(cls)}
        return cls(**{name: whole(VARIABLES[name], value) for name, value in said.items() if value})

    def of(self, organisation: Organisation) -> "Limits":
        """Return these limits with those that an organisation has of its own."""
        own = {name: limit for name, limit in organisation.limits.items() if name in VARIABLES}
        return replace(self, **own) if own else self


VARIABLES = {
    "rate": "RUTA_HTTP_RATE",
    "burst": "RUTA_HTTP_BURST",
    "requests_at_once": "RUTA_HTTP_REQUESTS_AT_ONCE",
    "streams_at_once": "RUTA_HTTP_STREAMS_AT_ONCE",
    "backlog_messages": "RUTA_HTTP_BACKLOG_MESSAGES",
    "backlog_bytes": "RUTA_HTTP_BACKLOG_BYTES",
}


def whole(name: str, value: str, least: int = 1) -> int:
    """Read what an operator has set; raises ValueError for what is not a whole number from `least` on."""
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise ValueError(f"{name} is not a whole number from {least} on")
    return int(value)


@dataclass(slots=True)
class _Use:
    tokens: float
    at: float  # by the monotonic clock
    requests: int = 0
    streams: int = 0


class InUse:
    """What each key uses of its limits."""

    def __init__(self) -> None:
        self._uses: dict[bytes, _Use] = {}

    @contextmanager
    def one(self, key_sha256: bytes, limits: Limits, *, stream: bool = False) -> Iterator[None]:
        """Let one request, or one stream, of a key go on in the block; raise Problem 429 where that is too much."""
        use = self._take(key_sha256, limits, stream)
        if stream:
            use.streams += 1
        else:
            use.requests += 1
        try:
            yield
        finally:
            if stream:
                use.streams -= 1
            else:
                use.requests -= 1

    def _take(self, key_sha256: bytes, limits: Limits, stream: bool) -> _Use:
        now = time.monotonic()
        use = self._uses.get(key_sha256)
        if use is None:
            use = self._uses[key_sha256] = _Use(limits.burst, now)
        use.tokens = min(limits.burst, use.tokens + (now - use.at) * limits.rate)
        use.at = now
        if stream and use.streams >= limits.streams_at_once:
            raise Problem(429, "too_many_streams_at_once", retry_after=1)
        if not stream and use.requests >= limits.requests_at_once:
            raise Problem(429, "too_many_requests_at_once", retry_after=1)
        if use.tokens < 1:
            raise Problem(429, "rate", retry_after=max(1, math.ceil((1 - use.tokens) / limits.rate)))
        use.tokens -= 1
        return use


def parameters(query: bytes, allowed: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the parameters of a query; raise Problem 400 for one that is unknown, is there twice, or unreadable."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:  # as UnicodeDecodeError is one
        raise Problem(400, "query_unreadable") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise Problem(400, "unknown_parameter")
        if name in found:
            raise Problem(400, "parameter_twice", name)
        found[name] = value
    return found
