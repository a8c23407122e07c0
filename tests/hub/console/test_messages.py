"""Mensajes and Mensaje: what the log knows of a message, for operations; read by a login that can do nothing else."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

import contracts
from contracts import uuid7
from contracts.codes import OrganisationStatus
from deploy.local import Stack
from deploy.local.stack import reader_role
from hub.console.web.log_words import AWAY, NEITHER, UNKNOWN
from hub.gateway import outcomes
from hub.monitor.log import keeping, refused
from hub.monitor.web import having, story
from messaging import clock, topology
from screens import operating
from tests.examples import confidential_request, say, service_published
from tests.hub.conftest import probe, probed
from tests.hub.console.kit import CENTRE, Browser, Console
from tests.hub.ledger import processed, status
from tests.hub.monitor.logging import DATABASE, NOW, Log, make_log
from tests.hub.monitor.mender import Mender, mender, poisoned
from tests.hub.monitor.planting import ENVELOPE, WORD, examples, planted
from tests.waiting import eventually

__all__ = ["mender", "probe", "probed"]

SERVICES = topology.read().services
READER = reader_role(DATABASE)


@pytest.fixture(scope="module")
def log(stack: Stack) -> Iterator[Log]:
    log = make_log(stack)
    yield log
    log.close()


@pytest.fixture(scope="module")
def operator(console: Console, stack: Stack, log: Log) -> Browser:
    running = console.run(log_database_url=stack.provide_log_reader(DATABASE), services=SERVICES)
    browser = Browser(running)
    console.enrol(browser, "messages.operator", "operations", organisation=CENTRE)
    return browser


@pytest.fixture
def accepted(log: Log) -> contracts.Message[Any]:
    """What the IOM has accepted before it was asked: it waits in referrals."""
    log.empty()
    referral_id = uuid7()
    message = contracts.stamp(
        contracts.Draft(contracts.ReferralAccepted(referral_id=referral_id), str(referral_id)), source="iom", time=NOW
    )
    log.write(message)
    log.write(processed("waits", message.id, organisation="iom", service="referrals", type=message.type,
                        code="unknown_referral", waiting_for=str(referral_id)))  # fmt: skip
    return message


def search(operator: Browser, typed: object) -> Any:
    operator.get("/mensajes")
    return operator.send("/mensajes", q=str(typed))


def test_a_message_is_found_by_its_id_its_subject_its_correlation_and_its_short_code(
    operator: Browser, accepted: contracts.Message[Any]
) -> None:
    subject = accepted.data.referral_id

    assert search(operator, accepted.id).leads_to == f"/mensaje/{accepted.id}"
    assert search(operator, str(subject).upper()).leads_to == f"/mensaje/{subject}"
    assert search(operator, contracts.short_code(subject).lower()).leads_to == f"/mensaje/{subject}"


@pytest.mark.parametrize(("typed", "said"), [("Ana Pérez", NEITHER), (uuid7, UNKNOWN)])
def test_what_is_no_id_and_what_nobody_knows_are_told_apart(operator: Browser, typed: Any, said: str) -> None:
    answer = search(operator, typed() if callable(typed) else typed)

    assert (answer.status, said in answer.text) == (422, True)


def test_others_are_found_by_who_what_why_and_when_page_after_page(
    log: Log, operator: Browser, accepted: contracts.Message[Any]
) -> None:
    others = [status("redcross") for _ in range(60)]
    log.write(*others)

    for asked in (
        "organizacion=iom",
        "contrato=referral.accepted",
        "codigo=unknown_referral",
        f"sobre={accepted.subject}",
        f"hilo={accepted.id}",
        "organizacion=iom&hasta=2026-03-02T10:00",
    ):
        assert str(accepted.id) in ids(operator.get(f"/mensajes?{asked}").text), asked
    assert ids(operator.get(f"/mensajes?sobre={accepted.subject}").text) == {str(accepted.id)}
    assert ids(operator.get("/mensajes?organizacion=iom&desde=2026-03-02T10:00").text) == set()
    first = operator.get("/mensajes?organizacion=redcross").text
    behind = re.search(r'class="button second" href="(/mensajes\?[^"]+)"', first)
    assert behind is not None
    second = operator.get(behind[1].replace("&amp;", "&")).text
    assert (len(ids(first)), ids(first) | ids(second)) == (50, {str(one.id) for one in others})


def test_of_what_is_for_a_suspended_organisation_the_page_says_that_it_reads_nothing(
    console: Console, log: Log, operator: Browser
) -> None:
    message = status("redcross")
    log.write(message)
    console.say("redcross", OrganisationStatus.SUSPENDED)
    eventually(lambda: having.SUSPENDED in operator.get(f"/mensaje/{message.id}").text)
    console.say("redcross", OrganisationStatus.ACTIVE)
    eventually(lambda: having.SUSPENDED not in operator.get(f"/mensaje/{message.id}").text)


@pytest.mark.parametrize(
    "asked", ["organizacion=Ana Pérez", "contrato=x", "codigo=Ana", "sobre=x", "desde=x", "despues=x"]
)
def test_an_address_that_means_nothing_leads_nowhere(operator: Browser, asked: str) -> None:
    assert operator.get(f"/mensajes?{asked.replace(' ', '%20')}").status == 404


def ids(page: str) -> set[str]:
    return set(re.findall(r'href="/mensaje/([0-9a-f-]{36})"', page))


def test_the_story_says_where_it_is_and_draws_all_that_goes_with_it(
    console: Console, log: Log, operator: Browser, accepted: contracts.Message[Any]
) -> None:
    log.write(status("redcross", accepted.data.referral_id))

    page = operator.get(f"/mensaje/{accepted.id}").text

    assert "referrals: en espera de lo que falta sobre" in page
    assert "<dt>Mensajes</dt><dd>2</dd>" in page
    assert "SHA-256" in page
    assert page.count("<polygon") == 2
    assert 'class="waits"' in page
    assert contracts.short_code(accepted.data.referral_id) in page
    assert console.acts("message_seen")[-1]["details"].count(str(accepted.id)) == 1
    subject = operator.get(f"/mensaje/{accepted.subject}").text
    assert "El código es de una referencia" in subject
    for copied in (contracts.short_code(accepted.data.referral_id), accepted.subject):
        assert f'<span class="whole">{copied}</span>' in subject
    assert str(accepted.id) in ids(subject)


def test_what_operators_had_done_with_it_stands_in_its_story(
    console: Console, stack: Stack, log: Log, mender: Mender
) -> None:
    """With a link to the operation; of the messages beside it, and of what they are about, nothing of the kind."""
    log.empty()
    message, forgotten = poisoned(2)
    log.write(message)
    mender.fail(message, forgotten)
    databases = {**mender.databases, "reports": "postgresql://nobody@127.0.0.1:1/nothing"}
    running = console.run(log_database_url=stack.provide_log_reader(DATABASE), services=SERVICES, operators=databases)
    browser = Browser(running)
    console.enrol(browser, "messages.mended", "operations", organisation=CENTRE)
    for given_up in (message, forgotten):  # the log knows nothing of the second
        page = browser.get(f"/mensaje/{given_up.id}")
        assert page.status == 200
        assert "¿Qué se puede hacer con él?" in page.text
        assert re.search(r"Falló con este error en probe: <code>\w+ at \w+\.py:\d+ ", page.text)
    operation = mender.start(mender.plan("give_back")).operation_id
    mender.retry()

    said = browser.get(f"/mensaje/{message.id}").text

    assert "¿Qué se puede hacer con él?" not in said
    assert f'<a class="tall" href="/operacion/{operation}">Devolución</a>' in said
    assert "devuelto <code>given_back</code>" in said
    assert "operator:1000" in said
    assert "se devolvió en reports: su base de datos no contesta" in said
    about = browser.get(f"/mensaje/{message.subject}").text
    assert str(message.id) in about
    assert "¿Qué se hizo con él?" not in about
    assert "Sin dato" not in about


def test_who_has_not_answered_is_named_with_the_age_of_its_queue(console: Console, log: Log, operator: Browser) -> None:
    log.empty()
    message = say(service_published())
    silent, *others = sorted(outcomes.readers(message.type, SERVICES))
    log.write(message)
    for service in others:
        log.write(processed("applied", message.id, service=service, type=message.type))
    seen = operating.well(clock.now())
    assert seen.queues
    queue = replace(seen.queues[0], vhost="hub", name=silent, messages=3, age=42.0, exact=True)

    console.see(replace(seen, queues=[queue]))
    page = operator.get(f"/mensaje/{message.id}").text

    assert f"{silent}: todavía nada" in page
    assert f"En la cola de {silent} el más antiguo espera desde hace 42 s" in page
    for service in others:
        assert f"{service}: aplicado" in page
    assert "No es el de un mensaje" in operator.get(f"/mensaje/{message.subject}").text
    console.see(replace(seen, queues=[replace(queue, age=None)]))
    assert f"En la cola de {silent}" not in operator.get(f"/mensaje/{message.id}").text
    console.see(replace(seen, queues=[replace(queue, age=None, messages=0)]))
    assert f"En la cola de {silent} ya nada espera" in operator.get(f"/mensaje/{message.id}").text


def test_no_page_has_a_planted_word(log: Log, operator: Browser) -> None:
    log.empty()
    came, known = [], []
    for file in examples():
        said = json.loads(file.read_text())
        said = said.get("message", said)
        message = planted(said) | {name: said[name] for name in ENVELOPE if name in said} | {"id": str(uuid7())}
        came.append((f"to.iom.{said.get('type', 'x.y.v1')}", json.dumps(message).encode()))
        known.append(message["id"])
    log.write_bytes(*came)

    paths = ["/mensajes", "/mensajes?organizacion=iom", *(f"/mensaje/{id}" for id in known[::4])]
    pages = [operator.get(path).text for path in paths]

    assert len(ids("".join(pages))) >= 50
    for page in pages:
        for word in (WORD, "Pérez", "3001234567"):
            assert word not in page


def test_of_a_large_story_a_hundred_are_drawn_failures_first_and_it_stays_small(log: Log, operator: Browser) -> None:
    log.empty()
    referral_id = uuid7()
    many = [status("iom", referral_id) for _ in range(300)]
    log.write(*many)
    log.write(processed("quarantined", many[-1].id, organisation="iom", type=many[-1].type, code="failed"))

    answer = operator.get(f"/mensaje/{referral_id}")

    assert "<dt>Mensajes</dt><dd>300</dd>\n<dt>Fallaron</dt><dd>1</dd>" in answer.text
    assert "Se muestran 100" in answer.text
    assert str(many[-1].id) in answer.text
    drawn = answer.text[answer.text.index("Todo lo que va con él") :]
    assert (drawn.count("<polygon"), len(ids(drawn))) == (100, 100)
    assert f"/mensajes?sobre={referral_id}" in answer.text
    assert len(gzip.compress(answer.body)) <= 20 * 1024


def test_of_what_failed_and_is_tried_again_its_page_says_how_often_and_where_the_error_stands(
    log: Log, operator: Browser, accepted: contracts.Message[Any]
) -> None:
    said = "Se vuelve a intentar a lo sumo 10 veces, en unos minutos."
    assert said not in operator.get(f"/mensaje/{accepted.id}").text  # it waits for another, however long that takes

    log.write(processed("waits", accepted.id, organisation="iom", service="referrals", type=accepted.type,
                        code="failed"))  # fmt: skip
    page = operator.get(f"/mensaje/{accepted.id}").text
    assert said in page
    assert "<code>./ruta failures</code>" in page

    log.write(processed("quarantined", accepted.id, organisation="iom", service="referrals", type=accepted.type,
                        code="failed"))  # fmt: skip
    assert said not in operator.get(f"/mensaje/{accepted.id}").text


def test_of_a_confidential_case_no_more_is_shown_than_that_there_is_something(log: Log, operator: Browser) -> None:
    log.empty()
    message = say(confidential_request())
    log.write(message)

    found, story = operator.get("/mensajes").text, operator.get(f"/mensaje/{message.id}").text

    for page in (found, story):
        assert "caso reservado" in page
        assert message.type not in page
        assert f">{message.source}</td>" not in page
    assert message.subject not in story


def test_without_the_log_the_pages_say_what_is_not_seen(console: Console, operator: Browser) -> None:
    known = console.settings.log_database_url
    assert known is None
    running = console.run(log_database_url="postgresql://nobody:secret-word@127.0.0.1:1/monitor")
    browser = Browser(running)
    console.enrol(browser, "messages.away", "operations", organisation=CENTRE)

    for path in ("/mensajes", f"/mensaje/{uuid7()}"):
        answer = browser.get(path)
        assert (answer.status, "Sin dato" in answer.text, "secret-word" in answer.text) == (200, True, False)
    browser.get("/mensajes")
    assert AWAY in browser.send("/mensajes", q=str(uuid7())).text


def test_connections_to_the_log_are_kept_and_one_that_was_ended_is_not_lent_again(
    log: Log, stack: Stack, operator: Browser
) -> None:
    log.empty()
    with stack.connect_as_administrator() as server:

        def connected() -> set[int]:
            assert "Sin dato" not in operator.get("/mensajes").text
            found = server.execute("select pid from pg_stat_activity where usename = %s", [READER]).fetchall()
            return {row["pid"] for row in found}

        kept = connected()
        assert kept
        assert connected() == kept

        server.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = %s", [READER])

        assert connected()
        assert not connected() & kept


def test_what_was_refused_on_the_way_in_is_counted_by_organisation_and_code(
    log: Log, console: Console, operator: Browser
) -> None:
    now = clock.now().replace(microsecond=0)
    console.see(operating.well(now))
    log.empty()
    assert "Nada en las últimas 24 horas." in operator.get("/organizaciones").text
    row = {
        "number": 1, "at": now, "organisation": "redcross", "system": None, "code": "not_json", "type": None,
        "message_id": None, "digest": None, "size": None, "beyond": None,
    }  # fmt: skip
    old, hidden = {"at": now - timedelta(days=2), "beyond": 9}, {"code": "confidential_needs_own_key", "beyond": 5}
    keeping.make_partitions(log.connection, now)
    rows = [row, row | {"number": 2, "beyond": 41}, row | {"number": 3} | old, row | {"number": 4} | hidden]
    refused.write(log.connection, rows, now)
    log.connection.commit()

    page = operator.get("/organizaciones").text

    assert "42 mensajes rechazados en 24 horas" in page
    assert 'href="/mensajes?organizacion=redcross&amp;codigo=not_json"' in page
    assert "confidential_needs_own_key" not in page
    found = operator.get("/mensajes?organizacion=redcross&codigo=not_json").text
    assert "not_json" in found[found.index("<tbody>") :]


def test_who_uses_an_older_version_of_a_contract_is_named(log: Log, console: Console, operator: Browser) -> None:
    now = clock.now().replace(microsecond=0)
    console.see(operating.well(now))
    log.empty()
    for who, type, at in (
        ("redcross", "referral.requested.v1", now),
        ("iom", say(confidential_request()).type, now),
        ("-", "referral.requested.v1", now),
        ("fuvadis", "referral.requested.v1", now - timedelta(days=2)),
    ):
        log.query("insert into flow values (%s, %s, '-', %s, 3, 9)", at, who, type)

    page = operator.get("/organizaciones").text

    table = page[page.index("versiones anteriores") :].partition("</table>")[0]
    assert re.findall(r'<th scope="row">([^<]*)</th>', table) == ["Cruz Roja Colombiana"]


@pytest.mark.parametrize(
    "statement",
    [
        "select from confidential_message", "select from confidential_outcome", "select from mention",
        "select from opening", "select from erased", "delete from message", "update outcome set code = 'x'",
        "update counted set until = now()", "create table mine (x int)",
    ],
)  # fmt: skip
def test_the_login_reads_what_is_shown_and_nothing_else(stack: Stack, operator: Browser, statement: Any) -> None:
    with psycopg.connect(stack.log_reader_database_url(DATABASE)) as connection:
        assert connection.execute("select count(*) from message").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.fixture
def hidden(log: Log) -> contracts.Message[Any]:
    """A message of a confidential case of the Red Cross, that was refused."""
    log.empty()
    request = say(confidential_request(referral_id=uuid7()), source="redcross")
    log.write(request)
    log.write(processed("refused", request.id, organisation="redcross", type=request.type, service="referrals",
                        code="no_consent"))  # fmt: skip
    return request


def test_what_is_hidden_is_opened_for_a_reason_once_and_its_ids_stand_nowhere_else(
    console: Console, log: Log, operator: Browser, hidden: contracts.Message[Any]
) -> None:
    path, secrets = f"/mensaje/{hidden.id}", (str(hidden.data.referral_id), "no_consent", hidden.type)
    before = operator.get(path).text
    assert not any(one in before for one in secrets)

    opened = operator.send(path, motivo="organisation_asks", referencia="88").text

    assert all(one in opened for one in secrets)
    assert "redcross" in opened
    after = operator.get(path).text
    assert not any(one in after for one in secrets)
    rows = console.query("select act, subject, details from audit_entry order by number desc limit 3")
    assert [row["act"] for row in rows] == ["message_seen", "message_seen", "confidential_opened"]
    assert "organisation_asks 88" in rows[2]["details"]
    assert str(hidden.id) in rows[2]["details"]
    everything = str(console.query("select details from audit_entry")) + operator.get("/mensajes").text
    assert str(hidden.data.referral_id) not in everything


@pytest.mark.parametrize("typed", [{}, {"motivo": "Ana"}, {"motivo": "review", "referencia": "Ana Pérez"}])
def test_without_a_reason_that_names_nobody_nothing_is_opened(
    console: Console, operator: Browser, hidden: contracts.Message[Any], typed: dict[str, str]
) -> None:
    path = f"/mensaje/{hidden.id}"
    operator.get(path)

    answer = operator.send(path, **typed)

    assert (answer.status, str(hidden.data.referral_id) in answer.text) == (422, False)
    (row,) = console.query("select act from audit_entry order by number desc limit 1")
    assert row["act"] == "message_seen"


def test_without_its_row_in_the_audit_nothing_is_opened(
    console: Console, operator: Browser, hidden: contracts.Message[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise psycopg.OperationalError

    path = f"/mensaje/{hidden.id}"
    operator.get(path)
    monkeypatch.setattr(story, "record", away)

    answer = operator.send(path, motivo="review")

    assert (answer.status, str(hidden.data.referral_id) in answer.text) == (503, False)
