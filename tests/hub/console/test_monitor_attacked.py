"""The monitor's pages under whatever is sent to them: forms of other sites, and parameters that mean nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest

from contracts import uuid7
from deploy.local import Stack
from deploy.local.provision import provision_databases
from hub.console.web import app
from hub.console.web.permissions import Role
from hub.console.web.screen import Screen
from hub.monitor.mending import operations, replays
from hub.monitor.mending.failures import Cause
from hub.monitor.mending.replays import Selection
from messaging import topology
from messaging.topology import GATEWAY, DeclaredNetwork
from tests.hub.console.kit import CENTRE, TOKEN, Browser, Console
from tests.hub.monitor.logging import DATABASE, Log, make_log

DAY = timedelta(days=1)
CASE = "0192e9a0-0000-7000-8000-000000000000"
MENDING, REPLAY = CASE[:-1] + "1", CASE[:-1] + "2"  # a dry run of each kind
WORD = "rosalba"  # nobody's at the hub, and no word of the network's
# What each page of the monitor is asked by; a page that asks for something more is to stand here.
ASKS = {
    "/": (),
    "/estado": (), "/colas": (), "/organizaciones": (), "/en-espera": (), "/alertas": (), "/fallos": (),
    "/topologia": ("desde",),
    "/mensajes": ("organizacion", "contrato", "codigo", "desde", "hasta", "sobre", "hilo", "despues"),
    f"/mensaje/{CASE}": ("servicio", "tras"),
    f"/operacion/{MENDING}": ("servicio", "tras"),
    "/repeticiones": (),
    f"/repeticiones/{REPLAY}": ("servicio", "tras"),
    "/auditoria": ("cadena", "quien", "que", "objeto", "desde", "hasta", "antes"),
}  # fmt: skip
FORMS = {
    "/mensajes": ("q",),
    f"/mensaje/{CASE}": ("motivo", "referencia"),
    "/fallos": ("formulario", "acto", "servicio", "contrato", "motivo", "lugar"),
    f"/operacion/{MENDING}": ("digest", "motivo", "referencia"),
    f"/operacion/{MENDING}/detener": (),
    "/repeticiones": ("formulario", "contrato", "organizacion", "desde", "hasta"),
    f"/repeticiones/{REPLAY}": ("acto", "digest", "motivo", "referencia", "ritmo", "razon"),
    f"/repeticiones/{REPLAY}/detener": (),
    f"/repeticiones/{REPLAY}/seguir": (),
    f"/repeticiones/{REPLAY}/revisada": (),
    "/auditoria": ("cadena", "quien", "que", "objeto", "desde", "hasta"),
}
RIGHT = {
    "acto": "retry", "servicio": "referrals", "contrato": "service.published.v2", "organizacion": "redcross",
    "desde": "2026-03-02T09:00", "hasta": "2026-03-02T10:00", "cadena": "", "motivo": "review", "digest": "0" * 64,
    "ritmo": "10",
}  # fmt: skip
ODD = (
    "", "0000-01-01T00:00", "0001-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59", f"0001-01-01T00:00:00+23:59~{CASE}", f"9999-12-31T23:59:59-23:59~{CASE}",
    f"2026-03-02T09:00:00+00:00~{CASE}", f"2026-03-02T09:00:00~{CASE}", "2026-W10-1", "-1", "0", "1", "9" * 18,
    "9" * 19, "9" * 5000, "٣", "²", "1e9", "NaN", "\x00", f"{WORD}\x00", "ñ" * 300, "\u202egnp.exe", "😀",
    f"{WORD}' or 1=1 --", f"<script>{WORD}</script>", "%00", "{0}", "../../etc/passwd", "\r\nset-cookie: a=b",
    WORD, f"s-{WORD}", f"staff:{WORD}", f"operator:{'9' * 10}", "x" * 100_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def log(stack: Stack) -> Iterator[Log]:
    log = make_log(stack)
    yield log
    log.close()


@pytest.fixture(scope="module")
def operator(console: Console, provisioned: Stack, declared: DeclaredNetwork, log: Log) -> Browser:
    """Somebody of operations, whose pages ask real databases."""
    provision_databases(provisioned, declared)
    operators = {name: provisioned.operator_database_url(name) for name in ("referrals", GATEWAY)}
    day = datetime(2026, 3, 2, tzinfo=UTC)
    operations.plan(operators, UUID(MENDING), "retry", "operator:1", Cause("referrals"))
    replays.plan(operators, UUID(REPLAY), "operator:1", Selection("service.published.v2", None, day, day + DAY))
    running = console.run(
        log_database_url=provisioned.provide_log_reader(DATABASE),
        operators=operators,
        services=topology.read().services,
    )
    browser = Browser(running)
    console.enrol(browser, "attacked.operator", Role.OPERATIONS, organisation=CENTRE)
    return browser


def of_monitor(console: Console) -> list[Screen]:
    return [
        one
        for one in app.all_screens(console.settings)
        if any(handler and handler.__module__.startswith("hub.monitor.web.") for handler in (one.get, one.post))
    ]


def path_of(screen: Screen) -> str:
    operation = REPLAY if screen.path.startswith("/repeticiones") else MENDING
    return screen.path.replace("{operation_id:uuid}", operation).replace("{id:uuid}", CASE)


def right(path: str, **odd: str) -> dict[str, str]:
    """What a form of ours would say, but for what is odd."""
    return {name: RIGHT.get(name, "x") for name in FORMS[path]} | {"formulario": str(uuid7())} | odd


def acts(console: Console) -> list[dict[str, Any]]:
    """What stands in the audit but that somebody was refused something."""
    return console.query("select act, details from audit_entry where act <> 'access_refused' order by number")


def test_every_page_and_every_form_of_the_monitor_is_tried_here(console: Console) -> None:
    screens = of_monitor(console)
    assert {path_of(one) for one in screens if one.get} | {"/"} == ASKS.keys()
    assert {path_of(one) for one in screens if one.post} == FORMS.keys()


@pytest.mark.parametrize("path", FORMS)
def test_what_another_site_sends_does_nothing(console: Console, operator: Browser, path: str) -> None:
    token = TOKEN.search(operator.get("/fallos").text)
    assert token is not None
    before = acts(console)
    for headers in (
        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://console.test.evil.example"},
        {"origin": "https://console.test@evil.example"}, {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "https://console.test"}, {"origin": ""},
    ):  # fmt: skip
        assert operator.post(path, right(path, form_token=token[1]), **headers).status == 403, headers
    for said in ({}, {"form_token": ""}, {"form_token": "0" * 64}, {"form_token": token[1][:-1]}):
        assert operator.post(path, right(path, **said), origin="https://console.test").status == 403, said
    for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x"):
        sent = operator.post(path, right(path, form_token=token[1]), content_type=kind)
        assert sent.status in (400, 403, 415), kind
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        assert operator._ask(method, path, {}).status == 405, method
    if path not in ASKS:
        assert operator.get(f"{path}?form_token={token[1]}").status == 405
    assert acts(console) == before


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in ASKS.items() for name in (*names, "otro")])
def test_whatever_an_address_says_it_is_a_page_or_none_and_no_words_stay(
    console: Console, operator: Browser, log: Log, path: str, name: str
) -> None:
    log.empty()
    before = len(acts(console))
    for value in ODD if name in ASKS[path] else ODD[-3:]:
        answer = operator.get(f"{path}?{name}={quote(value)}")
        assert answer.status in (200, 303, 404), (value[:40], answer.status)
        assert f"<script>{WORD}" not in answer.text
    for query in (f"{name}=%ff%fe%ed%a0%80", f"{name}=1&{name}=x", f"{name}", "&" * 500, f"%00={WORD}"):
        assert operator.get(f"{path}?{query}").status in (200, 303, 404), query
    assert WORD not in str(acts(console)[before:])


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in FORMS.items() for name in names])
def test_whatever_a_form_says_it_is_answered_and_no_words_stay(
    console: Console, operator: Browser, log: Log, path: str, name: str
) -> None:
    log.empty()
    before = len(acts(console))
    for value in ODD:
        operator.get("/mensajes")
        answer = operator.send(path, **right(path, **{name: value}))
        assert answer.status < 500, (value[:40], answer.status)
        if answer.leads_to is not None:
            assert WORD not in answer.leads_to or value == f"s-{WORD}"  # which may be somebody's code
            assert operator.get(answer.leads_to).status in (200, 303), (value[:40], answer.leads_to)
    assert operator.get("/repeticiones").status == operator.get("/fallos").status == 200
    assert WORD not in str(acts(console)[before:])


@pytest.mark.parametrize(
    "path", ["/nada\x00", "/mensajes\x00", "/ñ", "/\u202e", f"/{'x' * 5000}", "/mensajes/../fallos", "//evil.example/x"]
)
def test_what_is_sent_to_an_address_that_is_none_is_refused_to_whoever_is_in_and_who_is_locked_out(
    console: Console, operator: Browser, path: str
) -> None:
    operator.get("/mensajes")
    assert operator.send(path, q=WORD).status == 404
    operator.get("/mensajes")
    locked = Browser(operator.running, cookies=dict(operator.cookies))
    console.query("update session set locked_at = now() where locked_at is null")
    locked.page = operator.page
    try:
        assert (locked.send(path, q=WORD).leads_to or "").startswith("/abrir")
    finally:
        console.query("update session set locked_at = null")
