"""What changed lately: starts, versions, settings, organisations, keys, migrations. Where to look first.

`./ruta up` notes each start, with what it was started of and with, and each process that it has started again, in a
file of the state directory; the rest is in the audit and in each database's table of migrations. Of a setting only its
name and a keyed digest are kept: whether it is another than before, and not what it is.
"""

import contextlib
import hashlib
import hmac
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from deploy.local import beside, status
from deploy.local.organisations import network_of
from deploy.local.state import ROOT, State
from hub.gateway.audit import words
from messaging import database
from messaging.database import Row
from messaging.topology import CONSOLE, GATEWAY, NETWORK_FILE

MOST_MIGRATIONS: Final = 3  # at one time, that are told one by one
KEPT: Final = 2_000  # lines of the file of starts
SETTINGS: Final = ("RUTA_", "OTEL_", "SERVICE_", "GATEWAY_", "CONSOLE_")
NOT_A_SETTING: Final = {"RUTA_HEALTH_FILE"}
# Of the audits, what changes the network: the rest is what people did in it.
ACTS: Final = (
    "network_provisioned", "network_stopped", "organisation_added", "organisation_changed", "organisation_removed",
    "organisation_suspended", "organisation_resumed", "organisation_readdressed", "key_handed_out", "key_revoked",
    "public_key_added", "public_key_revoked", "broker_repaired", "messages_put_back", "alert_silenced",
    "staff_added", "staff_suspended", "staff_resumed",
)  # fmt: skip
MIGRATIONS: Final = "select owner, name, applied_at from migration where applied_at >= %s"
AUDITED: Final = """
    select act, subject, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"+00:00"') as at
    from audit_entry
    where number > (select max(number) from audit_entry) - 200000 -- there is no index by time
      and at >= %s and act = any(%s)
"""


@dataclass(frozen=True)
class Change:
    """One change, in ids and codes."""

    at: str  # ISO 8601, UTC
    kind: str  # start, restart, version, setting, migration, or an act of the audit
    what: str
    text: str


# -- what `./ruta up` notes --------------------------------------------------------------------------------------------


def file_of(state: State) -> Path:
    """Where starts are noted, a line of JSON each."""
    return state.directory / "starts.jsonl"


def note_start(state: State, environment: Mapping[str, str]) -> None:
    """Note that the network has started: of which code, and with which settings."""
    key = state.password("digests of settings").encode()
    settings = {
        name: hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:12]
        for name, value in environment.items()
        if name.startswith(SETTINGS) and name not in NOT_A_SETTING
    }
    settings["network.toml"] = hashlib.sha256(NETWORK_FILE.read_bytes()).hexdigest()[:12]
    _note(state, {"kind": "start", "version": version(), "settings": settings})


def note_restart(state: State, process: str, why: str | None) -> None:
    """Note that a process was started again."""
    _note(state, {"kind": "restart", "process": process, "why": why})


def _note(state: State, said: Mapping[str, Any]) -> None:
    file = file_of(state)
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **said})
    with contextlib.suppress(OSError):
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        if len(lines) >= KEPT:
            file.write_text("\n".join(lines[-KEPT // 2 :]) + "\n", encoding="utf-8")
        with file.open("a", encoding="utf-8") as out:
            out.write(f"{line}\n")


def version() -> str:
    """What runs: the commit, where there is one, and a digest of the code as it lies there."""
    digest = hashlib.sha256()
    for part in ("contracts", "deploy", "hub", "messaging", "services", "tools"):
        for path in sorted((ROOT / part).rglob("*")):
            if path.suffix in (".py", ".sql", ".toml"):
                digest.update(path.read_bytes())
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        command = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=2, check=False)
        if done.returncode == 0:
            return f"{done.stdout.strip()}, code {digest.hexdigest()[:12]}"
    return f"code {digest.hexdigest()[:12]}"


# -- what has changed --------------------------------------------------------------------------------------------------


def read(state: State, environment: Mapping[str, str], *, hours: int = 24) -> tuple[list[Change], list[str]]:
    """Return what has changed within so many hours, the newest first, and what could not be read."""
    since = datetime.now(UTC) - timedelta(hours=hours)
    found = list(noted(_lines(state), since))
    place = beside.find(state, network_of(state), environment, within=status.HOSTS_WITHIN)
    if place is None:
        return sorted(found, key=lambda one: one.at, reverse=True), ["the databases: nothing runs"]
    jobs = {name: _asking(url, name, since) for name, url in place.databases.items()}
    said = status.at_once(jobs, status.READ_WITHIN)
    unread = [f"database {name} ({status.code(one)})" for name, one in said.items() if isinstance(one, Exception)]
    for one in said.values():
        if not isinstance(one, Exception):
            found += one
    return sorted(found, key=lambda one: one.at, reverse=True), unread


def _lines(state: State) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(OSError):
        for line in file_of(state).read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):  # cut by a full disk
                said = json.loads(line)
                if isinstance(said, dict) and {"at", "kind"} <= said.keys():
                    yield said


def noted(lines: Iterable[Mapping[str, Any]], since: datetime) -> Iterator[Change]:
    """Yield what starts and restarts since then say; of a start, in what it differs from the one before."""
    before: Mapping[str, Any] | None = None
    for line in lines:
        is_new = datetime.fromisoformat(line["at"]) >= since
        if line["kind"] == "restart" and is_new:
            why = f" ({line['why']})" if line.get("why") else ""
            yield Change(line["at"], "restart", line["process"], f"{line['process']} was started again{why}")
        if line["kind"] != "start":
            continue
        if is_new:
            yield Change(line["at"], "start", "network", "the network was started")
            if before is not None:
                yield from _differences(before, line)
        before = line


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    if before["version"] != now["version"]:
        text = f"another version: {before['version']} before, {now['version']} now"
        yield Change(now["at"], "version", now["version"], text)
    old, new = before["settings"], now["settings"]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            how = "is new" if name not in old else "is gone" if name not in new else "is another"
            yield Change(now["at"], "setting", name, f"{name} {how}")


def _asking(url: str, name: str, since: datetime) -> Callable[[], list[Change]]:
    def ask() -> list[Change]:
        with contextlib.closing(database.connect(url, within=status.HOSTS_WITHIN)) as connection:
            found = [_migrated(row) for row in connection.execute(MIGRATIONS, (since,)).fetchall()]
            if name in (GATEWAY, CONSOLE):
                found += [_recorded(row) for row in connection.execute(AUDITED, (since, list(ACTS))).fetchall()]
            return found

    return ask


def _migrated(row: Row) -> Change:
    at = row["applied_at"].astimezone(UTC).isoformat(timespec="seconds")
    text = f"{row['owner']}: {row['name'].partition('_')[2].replace('_', ' ')}"
    return Change(at, "migration", f"{row['owner']}/{row['name']}", text)


def _recorded(row: Row) -> Change:
    return Change(row["at"], row["act"], row["subject"], f"{row['subject']}: {words.ACTS[row['act']]['en']}")


def as_text(found: Iterable[Change], unread: Iterable[str]) -> str:
    """For a terminal, the newest first; of many migrations at one time, how many."""
    lines: list[str] = []
    migrations: dict[str, int] = {}
    for one in found:
        if one.kind == "migration":
            owner = one.what.partition("/")[0]
            migrations[f"{one.at[:16]} {owner}"] = migrations.get(f"{one.at[:16]} {owner}", 0) + 1
            if migrations[f"{one.at[:16]} {owner}"] > MOST_MIGRATIONS:
                continue
        lines.append(f"{one.at[:19].replace('T', ' ')}  {one.text}")
    for when, many in migrations.items():
        if many > MOST_MIGRATIONS:
            lines.append(f"{when.replace('T', ' ')}: {many - MOST_MIGRATIONS} more migrations")
    lines = lines or ["Nothing has changed."]
    return "\n".join([*lines, *(f"Not read: {one}" for one in unread)])


def as_json(found: Iterable[Change], unread: Iterable[str]) -> str:
    """The same, as one JSON object."""
    return json.dumps({"changes": [asdict(one) for one in found], "unread": list(unread)}, indent=1)
