"""Auditoría: who did or saw what, page after page; operators see their own kind; and each look is recorded itself."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from contracts import uuid7
from deploy.local import Stack
from deploy.local.provision import provision_databases
from hub import monitor
from hub.console.web.permissions import Role
from hub.gateway.audit import finding, keys, store
from hub.gateway.audit.finding import Asked
from hub.gateway.audit.store import Act
from hub.gateway.audit.words import ACTS
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.web import auditing
from messaging import clock, database
from messaging.topology import GATEWAY, DeclaredNetwork
from tests.hub.console.kit import CENTRE, Browser, Console, Running

AWAY = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"


@pytest.fixture(scope="module")
def gateway(provisioned: Stack, declared: DeclaredNetwork) -> str:
    """The address of the gateway's database as the login of operators."""
    provision_databases(provisioned, declared)
    return provisioned.operator_database_url(GATEWAY)


@pytest.fixture(scope="module")
def served(console: Console, gateway: str) -> Running:
    return console.run(operators={GATEWAY: gateway})


@pytest.fixture(scope="module")
def auditor(console: Console, served: Running) -> Browser:
    browser = Browser(served)
    console.enrol(browser, "audit.auditor", Role.AUDITOR, organisation=CENTRE, name="Inés Ariza")
    return browser


@pytest.fixture(scope="module")
def operator(console: Console, served: Running) -> Browser:
    browser = Browser(served)
    console.enrol(browser, "audit.operator", Role.OPERATIONS, organisation=CENTRE)
    return browser


def append(console: Console, *acts: Act) -> None:
    with database.connect(console.url) as connection:
        store.append(connection, acts, console.settings.sign)
        connection.commit()


def numbers(text: str) -> list[int]:
    return [int(one) for one in re.findall(r'<th scope="row">(\d+)\. ', text)]


def search(browser: Browser, **typed: str) -> str:
    """Where what is typed leads to."""
    browser.get("/auditoria")
    leads_to = browser.send("/auditoria", **typed).leads_to
    assert leads_to is not None
    return leads_to


def test_it_is_found_by_who_what_about_what_and_when(console: Console, auditor: Browser) -> None:
    one = uuid7()
    append(
        console,
        Act("staff:s-aaaa-1", "case_seen", "redcross", {"referral": str(one), "people": ["x", "y"], "request": "r"}),
        Act("staff:s-bbbb-2", "searched", "iom", {"count": 3}),
    )

    for typed in ({"quien": "s-aaaa-1"}, {"que": "case_seen", "objeto": "redcross"}, {"objeto": str(one).upper()}):
        page = auditor.get(search(auditor, **typed)).text
        assert str(one) in page, typed
        assert "2 personas o casos, cifrados" in page
        assert "s-bbbb-2" not in page
    tomorrow = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    yesterday = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    assert "s-bbbb-2" in auditor.get(search(auditor, quien="s-bbbb-2", desde=yesterday, hasta=tomorrow)).text
    assert "No hay nada así" in auditor.get(search(auditor, quien="s-bbbb-2", hasta=yesterday)).text
    assert "No hay nada así" in auditor.get(search(auditor, quien="s-bbbb-2", desde=tomorrow)).text


def test_staff_are_found_by_their_login_names_which_stand_in_no_address(auditor: Browser) -> None:
    leads_to = search(auditor, quien="audit.auditor")

    assert re.fullmatch(r"/auditoria\?quien=s-[a-z0-9-]+", leads_to)
    assert "Inés Ariza (audit.auditor)" in auditor.get(leads_to).text


@pytest.mark.parametrize("typed", [{"quien": "Ana Pérez"}, {"objeto": "perez"}, {"objeto": "Ana"}, {"desde": "ayer"}])
def test_what_means_nothing_is_said_to_and_leads_nowhere(auditor: Browser, typed: dict[str, str]) -> None:
    auditor.get("/auditoria")
    answer = auditor.send("/auditoria", **typed)
    assert (answer.status, "aria-invalid" in answer.text) == (422, True)
    (name,) = typed
    assert auditor.get(f"/auditoria?{name}=Ana%20P%C3%A9rez").status == 404


@pytest.mark.parametrize(
    "asked", ["cadena=x", "que=x", "antes=x", "antes=0", "antes=99999999999999999999", "antes=" + "9" * 5000]
)
def test_an_address_that_means_nothing_leads_nowhere(auditor: Browser, asked: str) -> None:
    assert auditor.get(f"/auditoria?{asked}").status == 404


def test_it_goes_on_page_after_page_while_more_is_written(console: Console, auditor: Browser) -> None:
    append(console, *(Act("staff:s-many-1", "work_seen", "iom", {"count": number}) for number in range(120)))

    seen: list[int] = []
    path = "/auditoria?quien=s-many-1"
    while path:
        page = auditor.get(path).text
        append(console, Act("staff:s-many-1", "work_seen", "iom"))
        seen += numbers(page)
        more = re.search(r'class="button second" href="(/auditoria\?[^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else ""

    assert len(seen) == 120
    assert seen == sorted(set(seen), reverse=True)


def test_operators_see_of_the_console_what_operators_do(console: Console, auditor: Browser, operator: Browser) -> None:
    append(
        console,
        Act("staff:s-case-1", "case_seen", "redcross", {"referral": "x"}),
        Act("staff:s-oper-1", "failures_seen", CENTRE, {"count": 1}),
    )
    everything, theirs = auditor.get("/auditoria").text, operator.get("/auditoria").text
    assert "s-case-1" in everything
    assert "s-oper-1" in everything
    assert "s-oper-1" in theirs
    assert "s-case-1" not in theirs
    for asked in ("quien=s-case-1", "que=case_seen", "objeto=redcross"):
        assert "s-case-1</span>" not in operator.get(f"/auditoria?{asked}").text


NOT_THEIRS = {"audit_seen", "opened", "refused"}
"""Who looked in the audit for whom is not for those who are looked for; the others are words for other things there."""


def test_every_act_of_the_monitor_is_among_those_that_operators_see() -> None:
    texts = (ast.parse(path.read_text()) for path in Path(monitor.__file__).parent.rglob("*.py"))
    words = {node.value for text in texts for node in ast.walk(text) if isinstance(node, ast.Constant)}
    acts = {act for act in ACTS if act in words} - NOT_THEIRS
    assert {"failures_seen", "replay_planned", "confidential_opened"} < acts
    assert acts <= auditing.OF_OPERATIONS <= ACTS.keys()


def test_what_was_done_to_the_network_is_read_by_a_view_and_where_that_is_away_it_is_said(
    console: Console, provisioned: Stack, operator: Browser, gateway: str
) -> None:
    keys.make(provisioned.state.audit)
    with database.connect(provisioned.service_database_url(GATEWAY)) as connection:
        act = Act("operator:1000", "key_revoked", "redcross", {"key": "abc"})
        store.append(connection, [act], keys.signer(provisioned.state.audit))  # as the hub: others verify this chain
        connection.commit()

    page = operator.get("/auditoria?cadena=red&que=key_revoked&quien=operator%3A1000").text
    assert "clave: abc" in page
    with database.connect(gateway) as connection:
        columns = connection.execute("select * from operators.audit_entry limit 0").description
        assert columns is not None
        assert [one.name for one in columns] == ["number", "at", "actor", "act", "subject", "details"]

    browser = Browser(console.run(operators={GATEWAY: AWAY}))
    console.enrol(browser, "audit.blind", Role.OPERATIONS, organisation=CENTRE)
    assert "La base de datos gateway no contesta" in browser.get("/auditoria?cadena=red").text


def test_it_says_until_when_it_is_verified(console: Console, auditor: Browser) -> None:
    assert "nadie ha comprobado todavía" in auditor.get("/auditoria").text
    at = clock.now() - timedelta(minutes=12)
    for right, said in ((True, "hace 12 minutos: está como se escribió"), (False, "alguien cambió o quitó algo")):
        with Keeper(console.state.alerts_book).changing() as book:
            book.known["audit"] = {"at": at.isoformat(), "said": {"right": right, "text": "x"}}
        assert said in auditor.get("/auditoria").text


def test_what_was_typed_in_a_terminal_is_not_shown(console: Console, auditor: Browser) -> None:
    append(console, Act("operator:1", "alert_silenced", "x", {"reason": "Ana Pérez llamó"}))

    text = auditor.get("/auditoria?que=alert_silenced").text

    assert "motivo: lo que se escribió en la línea de órdenes" in text
    assert "Pérez" not in text


def test_details_are_said_in_words_of_the_readers_language(console: Console, auditor: Browser) -> None:
    append(console, Act("operator:1", "network_seen", "words", {"page": "waits", "count": 3}))
    append(console, Act("operator:1", "referrals_exported", "words", {"reason": "overdue", "count": 2}))

    page = auditor.get("/auditoria?que=network_seen").text
    assert "página: En espera<" in page
    assert "cuántos: 3<" in page
    assert "motivo: lo vencido<" in auditor.get("/auditoria?que=referrals_exported").text
    auditor.get("/idioma/en")
    assert "page: Waiting<" in auditor.get("/auditoria?que=network_seen").text
    auditor.get("/idioma/es")


def test_each_look_is_recorded_itself(console: Console, auditor: Browser) -> None:
    auditor.get("/auditoria?que=case_seen")

    (row,) = console.query("select act, details from audit_entry order by number desc limit 1")
    assert row["act"] == "audit_seen"
    assert '"que":"case_seen"' in row["details"]


def test_what_no_index_finds_is_looked_for_so_many_entries_at_a_time(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(console, Act("staff:s-deep-1", "case_seen", "iom", {"referral": "r-deep"}))
    append(console, *(Act("staff:s-over-1", "work_seen", "iom") for _ in range(30)))
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 10)
    asked, before, found = Asked(named="r-deep"), None, []
    with database.connect(console.url) as connection:
        for _ in range(10):
            page = finding.find(connection, asked, before=before)
            found += [one.actor for one in page.entries]
            if found or page.next is None:
                break
            assert page.is_cut
            before = page.next

    assert found == ["staff:s-deep-1"]


@pytest.mark.parametrize("view", ["refused", "delivery", "outbox", "inbox"])
def test_whose_a_message_is_or_was_the_login_of_operators_does_not_read(gateway: str, view: str) -> None:
    with database.connect(gateway) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(f"select * from operators.{view}")
