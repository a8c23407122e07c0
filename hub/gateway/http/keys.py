"""Who calls: `Authorization: Bearer ruta_live_<organisation>_<43 characters>_<checksum>`, known by its SHA-256.

The keys of the whole network are read at most twice a second and kept in memory, so that a request costs no look-up,
an unknown key takes exactly as long as a known one, a flood of invented ones reaches no database, and a key that is
revoked ends within a second.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import psycopg
import psycopg_pool
from starlette.requests import Request

from contracts.codes import OrganisationStatus
from hub.gateway.http.problems import Problem
from messaging import clock
from messaging.topology import ENVIRONMENTS

FRESH = 0.5  # seconds: older, what is known is read again beside the requests
VALID = 1.0  # seconds: older, a request waits until it is read
READ_WITHIN = 2.0  # seconds
TRY_AGAIN_AFTER = 0.5  # seconds in which nobody waits again for a database that did not answer
MAX_LENGTH = 200  # bytes of a key
SCHEME = b"bearer "
BEGINNINGS = {one: f"ruta_{one}_".encode() for one in ENVIRONMENTS}
NAMES_OF_KEYS = frozenset({b"key", b"api_key", b"apikey", b"api-key", b"token", b"access_token", b"authorization"})

READ = "select sha256, organisation, system, expires_at, revoked_at, last_used_on from api_key"

CALLER = "ruta.caller"  # in an ASGI scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request comes from."""

    organisation: str
    system: str | None
    """The one of the organisation's systems that the key is bound to."""
    key_sha256: bytes


@dataclass(slots=True)
class _Key:
    caller: Caller
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_on: date | None


class Keys:
    """The keys of the network, as the database had them within the last second."""

    def __init__(
        self,
        pool: Any,
        organisations: Callable[[], Mapping[str, Any]],
        used: Callable[[bytes, date], None],
        environment: str = ENVIRONMENTS[0],
    ) -> None:
        """`pool` is nobody else's; `used` hears of the first use of a key on each day."""
        self._of_others = tuple(begins for one, begins in BEGINNINGS.items() if one != environment)
        self._pool = pool
        self._organisations = organisations
        self._used = used
        self._keys: dict[bytes, _Key] = {}
        self._read_at = self._failed_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def check(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller:
        """Return who calls; raise Problem: 401 `key_unknown`, `key_expired`, `key_in_query`, 403, 503."""
        if _is_in_query(scope["query_string"]):
            raise Problem(401, "key_in_query", headers={"WWW-Authenticate": "Bearer"})
        said = headers.get(b"authorization", b"")
        given = said[len(SCHEME) :].strip() if said[: len(SCHEME)].lower() == SCHEME else b""
        if given.startswith(self._of_others):
            raise Problem(403, "wrong_environment", "Authorization")
        # What is malformed is looked for, too: the same work and the same answer as for any key that is unknown.
        digest = hashlib.sha256(given[:MAX_LENGTH]).digest()
        await self._be_fresh()
        key = self._keys.get(digest)
        if key is None or len(given) > MAX_LENGTH:
            raise Problem(401, "key_unknown", "Authorization", headers={"WWW-Authenticate": "Bearer"})
        self._check(key)
        return key.caller

    async def is_valid(self, caller: Caller) -> bool:
        """Whether the key that a caller came in with still opens; for what lasts longer than a request."""
        await self._be_fresh()
        key = self._keys.get(caller.key_sha256)
        try:
            if key is not None:
                self._check(key)
        except Problem:
            return False
        return key is not None

    def _check(self, key: _Key) -> None:
        now = clock.now()
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise Problem(
                401, "key_expired", "Authorization", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        organisation = self._organisations().get(key.caller.organisation)
        if organisation is None or organisation.status is OrganisationStatus.SUSPENDED:
            raise Problem(403, "suspended")
        if key.caller.system is not None and all(one.name != key.caller.system for one in organisation.systems):
            raise Problem(403, "not_allowed", "Authorization")
        if key.last_used_on != now.date():
            key.last_used_on = now.date()
            self._used(key.caller.key_sha256, key.last_used_on)

    async def _be_fresh(self) -> None:
        age = time.monotonic() - self._read_at
        if age < FRESH:
            return
        if self._reading is None:
            if age >= VALID and time.monotonic() - self._failed_at < TRY_AGAIN_AFTER:
                raise Problem(503, "database_away", retry_after=2)
            self._reading = asyncio.create_task(self._read())
        if age >= VALID:
            reading = self._reading
            await asyncio.wait([reading])
            if time.monotonic() - self._read_at >= VALID + READ_WITHIN:
                raise Problem(503, "database_away", retry_after=2)

    async def _read(self) -> None:
        asked_at = time.monotonic()
        try:
            async with asyncio.timeout(READ_WITHIN), self._pool.connection(timeout=READ_WITHIN) as connection:
                rows = await (await connection.execute(READ)).fetchall()
        except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError):
            self._failed_at = time.monotonic()
        else:
            self._keys = {bytes(row[0]): _key(row) for row in rows}
            self._read_at = asked_at
        finally:
            self._reading = None


def _key(row: Any) -> _Key:
    sha256, organisation, system, expires_at, revoked_at, last_used_on = row
    return _Key(Caller(organisation, system, bytes(sha256)), expires_at, revoked_at, last_used_on)


def _is_in_query(query: bytes) -> bool:
    """Whether a key, or something by the name of one, stands where every proxy writes it into its log."""
    if not query:
        return False
    query = unquote_to_bytes(query)
    names = {part.partition(b"=")[0].lower() for part in query.split(b"&")}
    return not names.isdisjoint(NAMES_OF_KEYS) or any(one in query for one in BEGINNINGS.values())


def caller(request: Request) -> Caller:
    """Return who calls, as the entrance has found out before anything of the request was read."""
    found: Caller = request.scope[CALLER]
    return found
