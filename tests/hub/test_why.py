"""`./ruta why`: where a message came in, what became of it and what it has caused, in words and as JSON."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from contracts import uuid7
from deploy.local import Stack
from hub.gateway import why
from tests.hub.conftest import probe, probed
from tests.hub.ledger import NOW, SECOND, Tables, entry, make_database, processed, refused, said, status, write
from tests.hub.monitor.mender import Mender, mender, poisoned

__all__ = ["mender", "probe", "probed"]

# In place of the message log's (hub/monitor/migrations/0008): one that shows whatever it is asked for.
SHOWS_ALL = """
    create function vouch(p_ids uuid[]) returns table (id uuid) language sql as 'select unnest(p_ids)'
"""


@pytest.fixture(scope="module")
def database_url(stack: Stack) -> str:
    url = make_database(stack)
    Tables(url).query(SHOWS_ALL)
    return url


@pytest.fixture
def tables(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Tables:
    tables = Tables(database_url)
    tables.empty()
    monkeypatch.setenv("SERVICE_DATABASE_URL", database_url)
    monkeypatch.setenv("LOG_DATABASE_URL", database_url)
    return tables


def answered(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    assert why.main([str(one) for one in arguments]) == code
    return capsys.readouterr().out


def test_one_by_http_is_known_at_once(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    id = uuid7()
    tables.query("insert into submission values ('redcross', %s, '', 'person.registered.v1', 'lists', %s)", id, NOW)
    said = answered(capsys, id)
    assert "from redcross by HTTP, from its system lists, at 2026-03-02 09:00:00 UTC: person.registered.v1" in said
    assert "intake: nothing yet" in said


def test_one_by_amqp_is_known_from_its_processing_on_and_until_then_the_text_says_so(
    tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    id = uuid7()
    assert "one by AMQP once a service has processed it" in answered(capsys, id, code=1)
    write(tables.url, [entry(processed("waits", id, code="consent_unknown", waiting_for="the-subject", until=NOW))])
    text = answered(capsys, id)
    assert "from redcross by AMQP: person.registered.v1" in text
    assert "intake: it waits for what is to come about the-subject, until 2026-03-02 09:00:00 UTC at the latest" in text


def test_what_it_has_caused_is_named_with_whom_it_is_for_and_whether_they_have_it(
    tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    cause = status("iom")
    to_readers, to_others = (said(status(to).data, to=to, cause=cause) for to in ("redcross", "iom"))
    write(tables.url, [entry(processed("applied", cause.id)), entry(to_readers), entry(to_others)])
    tables.query("insert into http_reader (organisation) values ('redcross')")
    text = answered(capsys, cause.id)
    assert f"for redcross: referral.status.v1 {to_readers.id}, about {to_readers.subject}, not acknowledged yet" in text
    assert f"for iom: referral.status.v1 {to_others.id}, about {to_others.subject}, delivered by AMQP" in text
    tables.query("update delivery set acknowledged_at = %s where organisation = 'redcross'", NOW)
    assert f"about {to_readers.subject}, acknowledged" in answered(capsys, cause.id)
    tables.query(
        "insert into organisation (id, number, name, roles, may_send, refers_to, systems, amqp, suffixes, status) "
        "values ('iom', 1, 'OIM', '{}', '{}', '{}', '{}', true, '{}', 'suspended')"
    )
    assert f"about {to_others.subject}, not acknowledged: it is suspended" in answered(capsys, cause.id)


def test_of_two_that_used_one_id_both_are_shown(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    id = uuid7()
    write(tables.url, [entry(processed("applied", id)), entry(refused("not_allowed", id, to="iom"))])
    text = answered(capsys, id)
    assert "from redcross" in text
    assert "from iom" in text
    assert "not_allowed" in text or "not allowed" in text


def test_a_message_of_the_hubs_is_found_by_its_id_too(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    message = status("iom")
    write(tables.url, [entry(message)])
    assert "for iom, said by hub, number 1 in its inbox: referral.status.v1" in answered(capsys, message.id)


@pytest.mark.parametrize("state", ["applied", "refused", "quarantined", "waits"])
def test_both_languages_say_it_and_neither_says_it_in_the_other(
    tables: Tables, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    id = uuid7()
    write(tables.url, [entry(processed(state, id, service=one)) for one in ("intake", "reports")])
    english, spanish = answered(capsys, id), answered(capsys, id, "--language", "es")
    assert english == answered(capsys, id, "--language", "en")
    assert not set(english.splitlines()) & set(spanish.splitlines())


def test_json_has_all_of_it(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    id = uuid7()
    write(
        tables.url,
        [entry(processed("applied", id)), entry(processed("refused", id, service="reports", at=NOW + SECOND))],
    )
    found = json.loads(answered(capsys, id, "--json"))
    (came,) = found["came"]
    assert (UUID(found["id"]), came["entrance"], came["state"]) == (id, "amqp", "refused")
    assert [(one["service"], one["state"]) for one in came["services"]] == [
        ("intake", "applied"),
        ("reports", "refused"),
    ]
    assert set(came["words"]) == {"es", "en"}
    assert found["caused"] == []


def test_no_body_is_shown(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    cause = status("iom")
    sealed = "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyJ9." + "A" * 54 + "." + "A" * 16 + ".QUJD." + "A" * 22
    message = said(status("iom", sealed=sealed).data, to="iom", cause=cause)
    write(tables.url, [entry(message)])
    for arguments in ((cause.id,), (cause.id, "--json"), (message.id,), (message.id, "--json")):
        assert why.main([str(one) for one in arguments]) in (0, 1)
        assert "QUJD" not in capsys.readouterr().out


def test_where_no_log_is_named_nothing_is_told_of_whose_it_is(
    tables: Tables, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_DATABASE_URL")
    cause = status("iom")
    effect = said(status("redcross").data, to="redcross", cause=cause)
    write(tables.url, [entry(processed("applied", cause.id)), entry(effect)])
    for id in (cause.id, effect.id):
        for said_of_it in (answered(capsys, id), answered(capsys, id, "--json")):
            assert not {one for one in ("redcross", "iom", str(effect.subject)) if one in said_of_it}, said_of_it
            assert "./ruta trace" in said_of_it or json.loads(said_of_it)["hidden"]


def test_what_operators_had_done_with_it_is_said_and_what_is_not_seen_is_named(
    tables: Tables, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, mender: Mender
) -> None:
    """In both languages, and also of a message of which the gateway knows nothing more."""
    away = "postgresql://nobody@127.0.0.1:1/nothing"
    monkeypatch.setenv("OPERATORS_DATABASE_URLS", json.dumps({**mender.databases, "reports": away}))
    (message,) = poisoned(1)
    mender.fail(message)
    assert "Nothing is known of message" in answered(capsys, message.id, code=1)
    operation = mender.start(mender.plan("give_back"), why="never_to_apply 88").operation_id
    going_on = answered(capsys, message.id)
    assert "In probe it was given back by operator:1000, 2" in going_on
    assert f"the result: none yet. Why: ./ruta failures operation {operation}" in going_on
    mender.retry()

    text, spanish = answered(capsys, message.id), answered(capsys, message.id, "--language", "es")
    assert "the result: given_back (given_back). Why" in text
    assert "Whether anybody had it tried again or given back in reports is not seen" in text
    assert "En probe se devolvió, por orden de operator:1000" in spanish
    assert "en reports: su base de datos no contesta" in spanish
    found = json.loads(answered(capsys, message.id, "--json"))
    assert found["unseen"] == {"reports": "away"}
    (done,) = found["mended"]
    assert (done["act"], done["operation_id"], done["result"]) == ("give_back", str(operation), "given_back")
    assert "never_to_apply" not in str(found) + text
    write(tables.url, [entry(processed("applied", message.id))])
    assert "In probe it was given back" in answered(capsys, message.id)


def test_where_there_has_been_no_network_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("SERVICE_DATABASE_URL", raising=False)
    assert why.main([str(uuid7())]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    monkeypatch.setenv("SERVICE_DATABASE_URL", f"postgresql://nobody:secret@127.0.0.1:1/{tmp_path.name}")
    assert why.main([str(uuid7())]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "secret" not in said
