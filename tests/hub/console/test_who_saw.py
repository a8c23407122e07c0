"""Who coordinates or audits sees on a case who has seen its person, from the audit; nobody else does."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from uuid import UUID

import psycopg
import pytest

from contracts.codes import ReferralState
from hub.console import audit
from hub.console.web import who_saw
from hub.console.web.case import path_of
from messaging import clock
from tests.examples_reports import an_id, erased, says
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Person, Running
from tests.hub.console.test_pages import steps

NAMES = ("seen", "unseen", "gone", "often")
ROW = re.compile(r'<tr><th scope="row">(.*?)</tr>', re.DOTALL)


def looks_of(name: str) -> str:
    return f"{path_of(an_id(name))}/quien-lo-vio"


def rows(page: str) -> list[str]:
    """What each row says."""
    return [" ".join(unescape(re.sub("<[^>]+>", " ", one)).split()) for one in ROW.findall(page)]


@pytest.fixture(scope="module")
def service(console: Console) -> Iterator[Kept]:
    """The read service, with cases of some people of whom nobody has seen anything."""
    with contextlib.closing(Kept(console.url)) as service:
        service.hear(*(one for name in NAMES for one in steps(name, ReferralState.SENT)))
        yield service


@pytest.fixture(scope="module")
def people(console: Console, running: Running, service: Kept) -> Mapping[str, tuple[Browser, Person]]:
    """Somebody of each party, and who coordinates and audits."""
    found = {}
    for who, role, organisation in (
        ("iom", "partner_staff", "iom"), ("redcross", "partner_staff", "redcross"),
        ("coordinator", "coordinator", CENTRE), ("auditor", "auditor", CENTRE),
    ):  # fmt: skip
        browser = Browser(running)
        found[who] = browser, console.enrol(browser, f"looks.{who}", role, organisation=organisation, name=f"Una {who}")
    return found


@pytest.fixture
def staff(people: Mapping[str, tuple[Browser, Person]]) -> dict[str, Browser]:
    return {who: browser for who, (browser, _) in people.items()}


def test_it_says_who_has_seen_a_person_of_which_organisation_the_last_first(
    people: Mapping[str, tuple[Browser, Person]], staff: dict[str, Browser]
) -> None:
    for who in ("iom", "redcross"):
        assert staff[who].get(path_of(an_id("seen"))).status == 200
    for who in ("coordinator", "auditor"):
        told = rows(staff[who].get(looks_of("seen")).text)
        assert len(told) == 2
        for one, by in zip(told, ("redcross", "iom"), strict=True):
            assert f"Una {by}" in one
            assert people[by][1].code in one
            assert "caso visto" in one
    assert "Nadie ha visto todavía nada" in staff["coordinator"].get(looks_of("unseen")).text


def test_to_look_is_recorded_and_is_no_look_at_the_person(console: Console, staff: dict[str, Browser]) -> None:
    before = rows(staff["auditor"].get(looks_of("seen")).text)
    assert rows(staff["auditor"].get(looks_of("seen")).text) == before
    (*_, last) = console.acts("history_seen")
    with psycopg.connect(console.url, row_factory=psycopg.rows.dict_row) as connection:
        wanted = audit.encrypted(connection, console.keyring, [str(an_id(("person", "seen")))])
        assert wanted[0] in json.loads(last["details"])["people"]
        seen = [one.act for one in audit.who_saw(connection, console.keyring, str(an_id(("person", "seen"))))]
    assert "history_seen" in seen


def test_partners_staff_are_told_nothing_of_it_also_on_the_page_of_their_own_case(staff: dict[str, Browser]) -> None:
    for who in ("iom", "redcross"):
        assert "quien-lo-vio" not in staff[who].get(path_of(an_id("seen"))).text
        assert staff[who].get(looks_of("seen")).status == 404
    for who in ("coordinator", "auditor"):
        assert looks_of("seen") in staff[who].get(path_of(an_id("seen"))).text


def test_of_who_was_erased_nobody_can_know_it_any_more(service: Kept, staff: dict[str, Browser]) -> None:
    assert staff["iom"].get(path_of(an_id("gone"))).status == 200
    assert len(rows(staff["auditor"].get(looks_of("gone")).text)) == 1
    service.hear(says(erased(("person", "gone"))))
    page = staff["auditor"].get(looks_of("gone")).text
    assert rows(page) == []
    assert "ya nadie puede saber" in page


def test_of_what_there_is_not_it_says_as_little_as_of_any_page(staff: dict[str, Browser]) -> None:
    assert staff["coordinator"].get(looks_of("nothing")).status == 404


def test_of_somebody_seen_often_the_last_are_shown_and_no_other_persons(
    console: Console, staff: dict[str, Browser]
) -> None:
    with psycopg.connect(console.url, row_factory=psycopg.rows.dict_row) as connection:
        (whose,) = audit.encrypted(connection, console.keyring, [str(an_id(("person", "often")))])
    plant(console, whose, who_saw.SHOWN + 5)
    page = staff["coordinator"].get(looks_of("often")).text
    assert len(rows(page)) == who_saw.SHOWN
    assert f"Se muestran los {who_saw.SHOWN} más recientes." in page
    assert rows(page)[0].split()[0] == f"s-{who_saw.SHOWN + 5}"


def plant(console: Console, whose: str, many: int) -> None:
    """Have so many have seen somebody."""
    console.query(
        "insert into audit_entry (number, at, actor, act, subject, details, previous, hash)"
        " select (select coalesce(max(number), 0) from audit_entry) + n, %s, 'staff:s-' || n, 'case_seen', 'iom', %s,"
        " '', '' from generate_series(1, %s) as n",
        clock.now(), json.dumps({"people": [whose]}, separators=(",", ":")), many,
    )  # fmt: skip


def test_it_reads_what_is_about_that_person_and_not_the_whole_chain(console: Console) -> None:
    with psycopg.connect(console.url) as connection:
        connection.execute(
            "insert into audit_entry (number, at, actor, act, subject, details, previous, hash)"
            " select 1000000 + n, now(), 'staff:s-x', 'case_seen', 'iom', '{\"people\":[\"' || md5(n::text) || '\"]}',"
            " '', '' from generate_series(1, 20000) as n"
        )
        connection.execute("analyze audit_entry")
        said = (json.dumps([UUID(int=7).hex]), who_saw.SHOWN)
        plan = connection.execute(f"explain {audit.LAST}".encode(), said).fetchall()
        connection.rollback()
    assert "audit_entry_people" in "\n".join(line for (line,) in plan)
