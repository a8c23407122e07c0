"""The runtime and the transaction are each explained on one screen, and what stands there is so."""

import ast
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any, Final
from uuid import UUID

import pytest

import contracts
from bench.waits import waits
from contracts import uuid7
from deploy.local import Stack
from messaging import answers, broker, clock, database, gathering, inbox, loaded, outbox, runtime, transaction
from messaging.runtime import Delivery, Runtime
from tests.messaging.harness import Probe, service_published
from tests.messaging.probe.service import ProbeService
from tests.services.outcomes.cases import handlers_of

ROOT = Path(__file__).parents[2]
LINES, COLUMNS = 60, 120
SCREENS = [runtime, transaction]
KNOWN = [runtime, transaction, inbox, outbox, loaded, gathering, answers, clock, broker]
TABLES = {"inbox", "outbox", "parked"}
PARAMETERS = {"tx", "time_limit"}


def screen(module: ModuleType) -> str:
    text = ast.get_docstring(ast.parse(Path(str(module.__file__)).read_text()), clean=False)
    assert text is not None
    return text


def too_large(text: str) -> list[str]:
    """What does not fit on one screen."""
    lines = text.splitlines()
    return [f"{len(lines)} lines"] * (len(lines) > LINES) + [line for line in lines if len(line) > COLUMNS]


def unknown(text: str) -> set[str]:
    """What a text names and the code does not have: names in backticks, and files of this repository."""
    names = set(re.findall(r"`([\w.]+)(?:\([^`]*\))?`", text)) - TABLES - PARAMETERS
    files = set(re.findall(r"\b(?:messaging|docs|tests|services|hub)/[\w/.-]*\w", text))
    return {name for name in names if not _is_known(name)} | {file for file in files if not (ROOT / file).exists()}


def _is_known(name: str) -> bool:
    first, *rest = name.split(".")
    modules: dict[str, Any] = {one.__name__.rpartition(".")[2]: one for one in KNOWN}
    places: list[Any] = [*KNOWN, contracts, runtime.Runtime, transaction.Transaction]
    if first == "messaging":
        return (ROOT / f"{name.replace('.', '/')}.py").exists()
    found = [modules[first]] if first in modules and rest else [getattr(one, first, None) for one in places]
    for part in rest:
        found = [getattr(one, part, None) or getattr(one, "__annotations__", {}).get(part) for one in found]
    return any(one is not None for one in found)


@pytest.mark.parametrize("module", SCREENS)
def test_it_fits_on_one_screen(module: ModuleType) -> None:
    assert too_large(screen(module)) == []


@pytest.mark.parametrize("module", SCREENS)
def test_it_names_nothing_that_is_not_there(module: ModuleType) -> None:
    assert unknown(screen(module)) == set()


def test_the_page_leads_to_both_and_they_lead_to_chapters_that_it_has() -> None:
    page = (ROOT / "docs" / "how-a-message-travels.md").read_text()
    titles = [line.lstrip("# ") for line in page.splitlines() if line.startswith("#")]
    for module in SCREENS:
        assert f"(../messaging/{Path(str(module.__file__)).name})" in page
        chapters = re.findall(r'docs/how-a-message-travels\.md,\s"([^"]+)"', screen(module))
        assert chapters
        assert [one for one in chapters if not any(title.startswith(" ".join(one.split())) for title in titles)] == []


def test_what_is_too_large_or_named_in_vain_is_found() -> None:
    assert too_large("\n" * (LINES + 1) + "x" * (COLUMNS + 1)) == [f"{LINES + 2} lines", "x" * (COLUMNS + 1)]
    said = (
        "`apply`, `_gone(tx)`, `inbox.vanish`, `clock.now()`, `messaging.gone`, messaging/gone.py and messaging/on.py"
    )
    assert unknown(said) == {"_gone", "inbox.vanish", "messaging.gone", "messaging/gone.py"}


# -- the runtime's example --------------------------------------------------------------------------------------------


def rows(probe: Probe, message_id: UUID) -> tuple[int, int, int]:
    """How many rows a message has in `inbox`, and in `parked`, and how many notes it has written."""
    return tuple(
        probe.query(f"select count(*) as number from {table} where message_id = %s", message_id)[0]["number"]
        for table in ("inbox", "parked", "note")
    )


@pytest.fixture
def applying(probe: Probe) -> Iterator[Runtime]:
    applying = Runtime("screens", probe.database_url, handlers_of(ProbeService))
    yield applying
    applying.close()


def deliveries(*messages: Any) -> list[Delivery]:
    return [Delivery(tag, one.to_json(), redelivered=False) for tag, one in enumerate(messages, 1)]


def test_the_runtimes_example_is_so(probe: Probe, applying: Runtime) -> None:
    first, refused = service_published("note"), service_published("refuse")
    early, failing = service_published(f"wait {uuid7()}"), service_published("fail")

    (committed,) = applying.apply(ProbeService(), deliveries(first, first, refused, early))

    published = [(one.routing_key.split(".")[2], UUID(str(one.message_id))) for one in committed.publications]
    assert [kind for kind, _ in published] == ["service", "message"]  # service.published, message.refused
    stored = probe.query("select message_id from outbox where starts_with(routing_key, 'to.') order by position")
    assert [row["message_id"] for row in stored] == [message_id for _, message_id in published]
    assert [rows(probe, one.id) for one in (first, refused, early)] == [(1, 0, 1), (1, 0, 0), (1, 1, 0)]

    again = service_published("note"), service_published("refuse"), service_published(f"wait {uuid7()}")
    committed_alone = applying.apply(ProbeService(), deliveries(again[0], *again, failing))

    assert [len(one.publications) for one in committed_alone] == [1, 0, 1, 0, 0]
    assert [rows(probe, one.id) for one in (*again, failing)] == [(1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 0)]


# -- the transaction's example ----------------------------------------------------------------------------------------

TABLE: Final = "create table referral (referral_id uuid primary key, state text); create table note (what text)"
EXAMPLE: Final = {
    "STATES": "select referral_id as key, state from referral where referral_id = any(%b) for update",
    "MOVE": """
        update referral set state = new.state from jsonb_populate_recordset(null::referral, %s::jsonb) as new
        where referral.referral_id = new.referral_id
    """,
    "OPEN": """
        insert into referral (referral_id, state)
        select referral_id, state from jsonb_populate_recordset(null::referral, %s::jsonb)
        on conflict do nothing
        returning referral_id
    """,
    "NOTE": "insert into note values ('committed')",
}


def example(text: str) -> str:
    """The lines of code in a text, from `with` to where it goes on."""
    _, found, rest = text.partition("    with transaction(")
    return dedent("".join(takewhile(lambda line: line[:1] in (" ", "\n"), (found + rest).splitlines(keepends=True))))


@pytest.fixture
def connection(stack: Stack) -> Iterator[database.Connection]:
    with database.connect(stack.create_database("screens")) as connection:
        connection.execute(TABLE)
        connection.commit()
        yield connection
    stack.drop_database("screens")


def test_the_transactions_example_runs(connection: database.Connection) -> None:
    known, new = uuid7(), uuid7()
    connection.execute("insert into referral values (%s, 'sent')", (known,))
    connection.commit()
    names = {"connection": connection, "transaction": transaction.transaction, "known": known, "new": new}
    code = compile(example(screen(transaction)), "messaging/transaction.py", "exec")

    with transaction.transaction(connection):
        pass  # the first of a connection reads the unique indexes
    with waits(connection) as counted:
        exec(code, {**names, **EXAMPLE, "state": lambda row: row["state"]})  # noqa: S102 - it is our own text

    assert counted.number == 3  # `load`; what may be kept out; the rest and the commit
    stands = connection.execute("select referral_id, state from referral").fetchall()
    assert {row["referral_id"]: row["state"] for row in stands} == {known: "accepted", new: "sent"}
    assert connection.execute("select what from note").fetchall() == [{"what": "committed"}]
