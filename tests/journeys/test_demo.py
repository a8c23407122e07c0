"""The demo itself, small: it proves what it says, and leaves nobody's name behind."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from demo import SEED
from demo.people import Person, make_people
from demo.run import SMALL
from demo.stories import TERMINAL
from deploy.local import Stack
from deploy.local.state import ROOT
from tests.directories import make_directory
from tests.waiting import eventually

DEMO = (sys.executable, "-P", "-m", "demo")
RUN_WITHIN = 600  # seconds
ENDED_WITHIN = 10.0  # seconds for what the broker had started to notice that it is gone
DRAWN_BY_CHANCE = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}(?![0-9a-f])")
PEOPLE_ARE_KEPT_IN = {("intake", "person"), ("intake", "document"), ("intake", "match_key")}


@dataclass(frozen=True)
class Run:
    """A demo that has run."""

    exit_code: int
    output: str
    told: dict[str, Any]
    directory: Path


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    state = make_directory("demo")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    demo = subprocess.run(
        [*DEMO, "--scenario", "day", "--once", "--small", "--json", str(state / "told.json")],
        cwd=ROOT,
        env=environment | {"RUTA_STATE": str(state), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_WITHIN,
        check=False,
    )
    assert (state / "told.json").exists(), demo.stdout
    yield Run(demo.returncode, demo.stdout, json.loads((state / "told.json").read_text()), state / "demo")
    shutil.rmtree(state)


def test_nothing_was_lost_and_nothing_happened_twice(run: Run) -> None:
    assert run.exit_code == 0, run.output
    for finding in ("lost", "applied_twice", "nobody_sent", "unfinished", "untrue"):
        assert run.told[finding] == 0, finding


def test_some_of_it_came_and_was_read_by_http(run: Run) -> None:
    assert run.told["by_http"]["submitted"] > 300
    assert run.told["by_http"]["read"] > 500
    assert "by HTTP (iom alone, redcross beside AMQP)" in run.output


def test_every_message_that_was_sent_was_applied_refused_or_parked(run: Run) -> None:
    messages = run.told["messages"]

    assert messages["sent"] == sum(messages[one] for one in ("applied", "refused", "quarantined", "waiting")) > 2000
    assert messages["refused"] > 50
    assert messages["quarantined"] > 0
    assert messages["waiting"] > 0


def test_there_were_faults_and_repeats_to_survive(run: Run) -> None:
    assert {"redcross", "relay", "referrals", "gateway-http", "courier"} <= set(run.told["faults"])
    assert run.told["messages"]["redelivered"] > 0
    assert run.told["messages"]["duplicates_suppressed"] > 0


def test_the_referrals_came_to_every_terminal_state(run: Run) -> None:
    assert set(run.told["referrals"]) >= TERMINAL
    assert sum(run.told["referrals"].values()) >= SMALL[1]


def test_the_result_says_how_fast_it_went(run: Run) -> None:
    latency = run.told["latency_ms"]

    assert run.told["messages_per_s"] > 0
    assert run.told["seconds"] > 0
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]


def test_no_process_is_left_behind(run: Run) -> None:
    def left_behind() -> list[bytes]:
        return [command for command in commands() if str(run.directory).encode() in command]

    eventually(lambda: not left_behind(), within=ENDED_WITHIN)


def commands() -> Iterator[bytes]:
    """The command line of every process on this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            yield path.read_bytes()


def test_a_persons_name_document_and_phone_are_found_nowhere_but_where_intake_keeps_people(run: Run) -> None:
    people = make_people(SMALL[0], SEED)

    files = [path for path in run.directory.rglob("*") if path.is_file() and "postgres" not in path.parts]
    assert {".sqlite", ".jsonl", ".wal"} <= {path.suffix for path in files if b"person.registered" in path.read_bytes()}
    assert [path.name for path in files if clear_words_in(path.read_bytes(), people)] == []
    found = {table: words for table, content in tables(run.directory) if (words := clear_words_in(content, people))}
    assert set(found) == PEOPLE_ARE_KEPT_IN
    assert len(found["intake", "person"]) >= len(people)


def test_a_name_in_clear_would_be_found(tmp_path: Path) -> None:
    person = make_people(1, SEED)[0]

    assert clear_words_in(f"dear {person.name}".encode(), [person])
    assert clear_words_in(json.dumps({"to": "Núñez", "name": person.name}).encode(), [person])
    assert clear_words_in(b"tel. " + person.phone.encode(), [person])
    for stands_in in ("no. {}.", "{}019a3f0c-5d1e-7b2a-8c3d-4e5f60718293", "9f" * 32 + " {}", "{}" + "9f" * 32):
        assert clear_words_in(stands_in.format(person.document_number).encode(), [person])


def test_a_number_that_an_id_or_a_digest_holds_by_chance_is_nobodys() -> None:
    person = make_people(1, SEED)[0]
    number = person.document_number

    assert len(number) == 8
    for drawn in (f"019a3f0c-5d1e-7b2a-8c3d-{number}a1b2", f"{number}-5d1e-4b2a-8c3d-4e5f60718293", "9f" * 28 + number):
        assert clear_words_in(f"of {drawn}.".encode(), [person]) == set()


def clear_words_in(content: bytes, people: Iterable[Person]) -> set[str]:
    """Which people's names, documents and phones these bytes hold, written plainly or as JSON escapes them.

    Ids and digests are left out: of the many thousands that a day draws, one in a hundred days holds somebody's number.
    """
    content = DRAWN_BY_CHANCE.sub(b" ", content)
    words = {word for person in people for word in person.clear_words()}
    return {word for word in words if any(form in content for form in {word.encode(), json.dumps(word)[1:-1].encode()})}


def tables(directory: Path) -> Iterator[tuple[tuple[str, str], bytes]]:
    """Every table of every service, (service, table) and all that is in it, of a network that has stopped."""
    with Stack(directory, environment={}) as stack:
        for service in ("intake", "referrals"):
            with psycopg.connect(stack.service_database_url(service)) as database:
                names = database.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
                for (name,) in names:
                    rows = database.execute(sql.SQL("select * from {}").format(sql.Identifier(name)))
                    values = (value for row in rows for value in row if value is not None)
                    yield (
                        (service, name),
                        b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values),
                    )
