"""Why a program ended, as it says so itself at the end of its log, in one line."""

import contextlib
import json
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

END_OF_LOG = 64 * 1024  # bytes in which a server that ended has said why
LONGEST = 300  # characters
NEAR = 10.0  # seconds before its end in which a process of ours says why; an earlier error is another matter

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
POSTGRES = re.compile(r"^\S+ \S+ \S+ \[\d+\] (?P<level>[A-Z]+):\s+(?P<says>.*)")
# What PostgreSQL says to one client, and is no reason of its own.
TO_A_CLIENT = re.compile(
    r"the database system is|terminating connection|authentication failed|too many clients|no pg_hba|connection slots"
    r"|canceling|connection to client"
)
# A first line that says what a FATAL behind it only sums up.
CAUSE = re.compile(r"could not|error in file|invalid|unrecognized")
# Of the errors of statements only these are the server's own; others may quote what somebody wrote.
OF_A_FILE = re.compile(r"^could not (write|extend|open|read|fsync|create) ")
RABBITMQ = re.compile(r"^\S+ \S+ \[(?P<level>[a-z]+)\] <[\d.]+> (?P<says>.*)")
RABBITMQ_ENDED = re.compile(r"BOOT FAILED|Kernel pid terminated|init terminating|\*\* FATAL \*\*|Crash dump")
NO_ROOM = re.compile(r"\benospc\b|no_space|No space left on device")


def end_of_log(log: Path, start: int) -> str:
    """The last that stands in a log, of what comes after its first `start` bytes; nothing where there is none."""
    with contextlib.suppress(OSError), log.open("rb") as lines:
        lines.seek(max(start, lines.seek(0, os.SEEK_END) - END_OF_LOG))
        return lines.read().decode(errors="replace")
    return ""


def reason(output: str, ended_at: float) -> str | None:
    """The line that says why a program of ours or a server ended; None where it says nothing of the kind.

    `output` is what it printed in its last life, or the end of it; `ended_at` in seconds since 1970, by this machine's
    clock.
    """
    lines = [line for line in COLOURS.sub("", output).splitlines() if line.strip()]
    found = _of_rabbitmq(lines) or _of_postgres(lines) or _of_ours(lines, ended_at)
    return None if found is None else " ".join(found.split())[:LONGEST]


def _of_postgres(lines: Sequence[str]) -> str | None:
    said = [found for line in lines if (found := POSTGRES.match(line))]
    for levels, says in ((("PANIC", "FATAL"), re.compile("")), (("ERROR",), OF_A_FILE)):
        for at in range(len(said) - 1, -1, -1):
            one = said[at]
            if one["level"] in levels and says.search(one["says"]) and not TO_A_CLIENT.search(one["says"]):
                before = [each["says"] for each in said[max(at - 3, 0) : at] if each["level"] == "LOG"]
                causes = [each for each in before if CAUSE.search(each)]
                return "; ".join([*causes[:1], f"{one['level']}: {one['says']}"])
    return next((line for line in reversed(lines) if line.startswith("but could not open file")), None)


def _of_rabbitmq(lines: Sequence[str]) -> str | None:
    """Of the many lines of a crash, the first that is a sentence; the reports below it are what followed from it."""
    if not any(RABBITMQ_ENDED.search(line) for line in lines):
        return None
    said = [
        found["says"] for line in lines if (found := RABBITMQ.match(line)) and found["level"] in ("error", "critical")
    ]
    for at, says in enumerate(said):
        if NO_ROOM.search(says):
            return f"no space left on its disk: {says.strip()}"
        if "** FATAL **" in says:
            return " ".join(said[at : at + 2])
        if says[:1].isupper() and not says.startswith(("BOOT FAILED", "Error during", "Mnesia(", "Channel error")):
            listener, _, why = says.partition(" for reason ")
            return f"{listener.split(' in ')[0]}: {why}" if why else says
    for at, line in enumerate(lines):
        if line.startswith(("Error during startup", "Exception during startup")):
            return " ".join(lines[at : at + 3])
    return next((line for line in lines if "terminat" in line), None)


def _of_ours(lines: Sequence[str], ended_at: float) -> str | None:
    """The last error in JSON lines (messaging/log.py), unless the process went on for long after it."""
    for line in reversed(lines):
        try:
            said = json.loads(line)
            long_before = ended_at - datetime.fromisoformat(said["at"]).timestamp() > NEAR
        except (ValueError, TypeError, KeyError):
            continue
        if long_before:
            return None
        if said.get("level") in ("error", "critical"):
            return ": ".join(str(said[part]) for part in ("says", "error", "exception") if said.get(part))
    return None
