"""Where HTTP and the console listen on this machine, and what organisations are handed to come in by HTTP."""

import binascii
import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from deploy.local.operator_error import OperatorError
from deploy.local.state import PORTS, State, free_ports, write_private
from deploy.local.trail import Trail
from hub.gateway.http.listening import Unusable, read_address
from messaging import database
from messaging.topology import Organisation

# What an operator sets; other processes are not told.
SETTINGS = ("RUTA_HTTP_LISTEN", "RUTA_HTTP_CERTIFICATE", "RUTA_HTTP_KEY", "RUTA_HTTP_URL")
OF_CONSOLE = (
    "RUTA_CONSOLE_LISTEN",
    "RUTA_CONSOLE_CERTIFICATE",
    "RUTA_CONSOLE_KEY",
    "RUTA_CONSOLE_URL",
    "RUTA_CONSOLE_CONNECTIONS_OF_AN_ADDRESS",
    "RUTA_CONSOLE_LOCK_MINUTES",
    "RUTA_CONSOLE_SESSION_HOURS",
    "RUTA_CONSOLE_UNDO_SECONDS",
)

OF_METRICS = "RUTA_METRICS_LISTEN"
OF_MAIL = ("RUTA_SMTP_URL", "RUTA_SMTP_FROM")  # with both the console tells staff by e-mail what waits


class Place(NamedTuple):
    """What listens: how the variables begin that an operator sets, and where its port of last time is kept."""

    prefix: str
    kept: str


HTTP = Place("HTTP", "http.json")
CONSOLE = Place("CONSOLE", "console.json")
METRICS = Place("METRICS", "metrics.json")

MOST = 2  # API keys at a time, of an organisation or one of its systems: the one that comes and the one that goes

KNOWN = """
    select organisation, system, sha256, shown_once from api_key
    where revoked_at is null and (expires_at is null or expires_at > now())
"""
CLOSED = "select distinct system from api_key where organisation = %s and closed"
ALL_OF = "select system, sha256, shown_once, revoked_at from api_key where organisation = %s"
ADD = "insert into api_key (sha256, organisation, system, shown_once) values (%s, %s, %s, %s)"
REVOKE = """
    update api_key set revoked_at = now(), closed = not shown_once where sha256 = %s
    returning organisation, system, sha256
"""
REVOKE_OTHERS = """
    update api_key set revoked_at = now()
    where organisation = %s and system is not distinct from %s and sha256 <> %s and revoked_at is null
      and not shown_once
    returning organisation, system, sha256
"""
REVOKE_UNDECLARED = """
    update api_key set revoked_at = now()
    where revoked_at is null and not exists (
        select from unnest(%s::text[], %s::text[]) as declared(organisation, system)
        where declared.organisation = api_key.organisation and declared.system is not distinct from api_key.system
    )
    returning organisation, system, sha256
"""


def listen_address(state: State, environment: Mapping[str, str], place: Place = HTTP) -> str:
    """`host:port` to listen on: RUTA_<prefix>_LISTEN; else on loopback the port of last time, or a free one.

    That is kept for the next time. Raises OperatorError where RUTA_<prefix>_LISTEN is no address.
    """
    if named := environment.get(f"RUTA_{place.prefix}_LISTEN"):
        try:
            return str(read_address(named))
        except Unusable as error:
            raise OperatorError(f"RUTA_{place.prefix}_LISTEN: {error}") from None
    state.make()
    kept = state.directory / place.kept
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        port = int(json.loads(kept.read_text())["port"])
        if port in PORTS and _is_free(port):
            return f"127.0.0.1:{port}"
    (port,) = free_ports(1)
    write_private(kept, json.dumps({"port": port}))
    return f"127.0.0.1:{port}"


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended take nobody's place
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def known_url(state: State, environment: Mapping[str, str]) -> str | None:
    """The address that partners use of an entrance that listens already; None where nobody has said; chooses none."""
    if any(environment.get(name) for name in ("RUTA_HTTP_URL", "RUTA_HTTP_LISTEN")):
        return url(environment.get("RUTA_HTTP_LISTEN", ""), environment)
    try:
        return url(f"127.0.0.1:{int(json.loads((state.directory / HTTP.kept).read_text())['port'])}", environment)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def url(listens: str, environment: Mapping[str, str], place: Place = HTTP) -> str:
    """The address that others use: RUTA_<prefix>_URL, or where it listens."""
    if outside := environment.get(f"RUTA_{place.prefix}_URL"):
        return outside.rstrip("/")
    return f"http{'s' if environment.get(f'RUTA_{place.prefix}_CERTIFICATE') else ''}://{listens}"


def api_keys(
    noted: Trail, organisation: Organisation, credentials: Path, environment: str
) -> dict[str | None, str | None]:
    """The API key of an organisation (None) and of each of its systems, by name, as its credentials are to have them.

    They are as its credentials and the database `gateway` have them; one that either has lost is made anew, and the
    one before ends: what was lost may have been found. None where an operator has revoked it, or where MOST others are
    valid. One that was shown once (`add_api_key`) stays as it is. Only SHA-256s are in the database. One of another
    `environment` opens nothing here, and is as good as lost.
    """
    connection = noted.connection
    rows = [row for row in connection.execute(KNOWN) if row["organisation"] == organisation.id]
    known = {(row["system"], bytes(row["sha256"])) for row in rows}
    shown = [row["system"] for row in rows if row["shown_once"]]
    closed = {row["system"] for row in connection.execute(CLOSED, (organisation.id,))}
    handed_out = _handed_out(credentials)
    keys: dict[str | None, str | None] = {}
    for system in (None, *(one.name for one in organisation.systems)):
        key = handed_out.get(system)
        if key is None or (system, _digest(key)) not in known or not key.startswith(f"ruta_{environment}_"):
            key = None
            if system not in closed and shown.count(system) < MOST:
                key = _add(noted, organisation, system, environment, shown_once=False)
                others = connection.execute(REVOKE_OTHERS, (organisation.id, system, _digest(key))).fetchall()
                note_revoked(noted, others)
        keys[system] = key
    noted.commit()
    return keys


def add_api_key(noted: Trail, organisation: Organisation, system: str | None, environment: str) -> str:
    """Make one more API key of an organisation, or of one of its systems, and return it: nothing of ours keeps it.

    Raises OperatorError where it has no such system, or has MOST that are valid already.
    """
    names = [one.name for one in organisation.systems]
    if system is not None and system not in names:
        raise OperatorError(f"{organisation.id} has no such system: it has {', '.join(names) or 'none'}.")
    valid = _valid(noted, organisation, system)
    if len(valid) >= MOST:
        raise OperatorError(
            f"{system or organisation.id} has {len(valid)} API keys: {', '.join(valid)}. Revoke one first "
            f"(`./ruta partner api-key revoke {organisation.id} NAME`)."
        )
    key = _add(noted, organisation, system, environment, shown_once=True)
    noted.commit()
    return key


def revoke_api_key(noted: Trail, organisation: Organisation, name: str, credentials: Path) -> str:
    """End an API key by its name; returns what is so then. Said again, it changes nothing.

    No other is made in its place, and its credentials have none any more. Raises OperatorError where there is none of
    this name.
    """
    rows = noted.connection.execute(ALL_OF, (organisation.id,)).fetchall()
    row = next((row for row in rows if name_of(row["sha256"]) == name), None)
    if row is None:  # what was given is not repeated: it may be a key
        raise OperatorError(
            f"{organisation.id} has no API key of this name: see `./ruta partner show {organisation.id}`."
        )
    if row["revoked_at"] is None:
        note_revoked(noted, noted.connection.execute(REVOKE, (row["sha256"],)).fetchall())
    noted.commit()
    _strike_out(credentials, row["system"], bytes(row["sha256"]))
    others = _valid(noted, organisation, row["system"])
    who = row["system"] or organisation.id
    rest = f"{who} has {others[0]} still" if others else f"{who} has no other (`./ruta partner api-key new`)"
    return f"The API key {name} opens nothing any more, within a second; {rest}."


def _add(noted: Trail, organisation: Organisation, system: str | None, environment: str, *, shown_once: bool) -> str:
    key = new_key(organisation.id, environment)
    noted.connection.execute(ADD, (_digest(key), organisation.id, system, shown_once))
    noted.note("key_handed_out", organisation.id, system=system, key=name_of(_digest(key)))
    return key


def _valid(noted: Trail, organisation: Organisation, system: str | None) -> list[str]:
    """The names of the keys that open."""
    rows = noted.connection.execute(KNOWN).fetchall()
    return [name_of(one["sha256"]) for one in rows if (one["organisation"], one["system"]) == (organisation.id, system)]


def _strike_out(credentials: Path, system: str | None, digest: bytes) -> None:
    """Leave a key out of a file of credentials, so that nobody is handed what opens nothing."""
    key = _handed_out(credentials).get(system)
    if key is not None and _digest(key) == digest:
        said = json.loads(credentials.read_text())
        (said if system is None else said["systems"][system])["api_key"] = None
        write_private(credentials, json.dumps(said, indent=1))


def revoke_undeclared(noted: Trail, organisations: Iterable[Organisation]) -> None:
    """Revoke the keys of organisations, and of their systems, that the network does not declare any more."""
    declared = [(one.id, system) for one in organisations for system in (None, *(each.name for each in one.systems))]
    pairs = [one for one, _ in declared], [system for _, system in declared]
    note_revoked(noted, noted.connection.execute(REVOKE_UNDECLARED, pairs).fetchall())
    noted.commit()


def note_revoked(noted: Trail, rows: Iterable[database.Row]) -> None:
    """Have it recorded of API keys, by rows of their table, that they have been ended."""
    for row in rows:
        noted.note("key_revoked", row["organisation"], system=row["system"], key=name_of(row["sha256"]))


def name_of(digest: bytes) -> str:
    """What a key is called, in the audit too: the beginning of what the database knows of it, which opens nothing."""
    return digest.hex()[:12]


def _handed_out(credentials: Path) -> dict[str | None, str]:
    """The keys that a file of credentials has, by system; none where there is no such file."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        said: dict[str, Any] = json.loads(credentials.read_text())
        found = {None: said.get("api_key")} | {name: one.get("api_key") for name, one in said["systems"].items()}
        return {system: key for system, key in found.items() if isinstance(key, str)}
    return {}


def new_key(organisation: str, environment: str) -> str:
    """`ruta_live_<organisation>_<256 random bits>_<CRC-32>`; the sum lets who finds one see that it is one."""
    begun = f"ruta_{environment}_{organisation}_{secrets.token_urlsafe(32)}"
    return f"{begun}_{binascii.crc32(begun.encode()):08x}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
