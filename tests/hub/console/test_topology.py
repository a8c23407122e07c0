"""Topología: who talks to whom, in a drawing, a table and words; and no 0 where nobody has counted."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

import contracts
from contracts import uuid7
from deploy.local import Stack
from hub.monitor.log import counting, keeping
from hub.monitor.web import topology as page
from messaging import clock, topology
from tests.examples import confidential_request
from tests.hub.console.kit import CENTRE, Browser, Console
from tests.hub.ledger import processed, said, status
from tests.hub.monitor.logging import DATABASE, Log, make_log

SERVICES = topology.read().services
AWAY = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"


@pytest.fixture(scope="module")
def one_log(stack: Stack) -> Iterator[Log]:
    log = make_log(stack)
    yield log
    log.close()


@pytest.fixture(scope="module")
def operator(console: Console, stack: Stack, one_log: Log) -> Browser:
    running = console.run(log_database_url=stack.provide_log_reader(DATABASE), services=SERVICES)
    browser = Browser(running)
    console.enrol(browser, "topology.operator", "operations", organisation=CENTRE)
    return browser


@pytest.fixture
def log(one_log: Log) -> Log:
    """The log with nothing in it, now."""
    one_log.empty()
    one_log.now = clock.now() - timedelta(minutes=5)
    keeping.make_partitions(one_log.connection, one_log.now)
    counting.say_whole(one_log.connection, one_log.now - timedelta(days=30))
    counting.say_whole(one_log.connection, clock.now())
    one_log.query("update counted set behind_at = null")
    return one_log


def week(log: Log, source: str, type: str, count: int) -> None:
    """Have it counted two days ago."""
    hour = (log.now - timedelta(days=2)).replace(minute=0, second=0, microsecond=0)
    log.query("insert into flow_hour values (%s, %s, '-', %s, %s)", hour, source, type, count)


def name(id: str) -> str:
    """What an organisation is called."""
    return topology.read().organisations[id].name


def test_the_drawing_the_tables_and_the_words_say_the_same(log: Log, operator: Browser) -> None:
    message = said(contracts.ReferralAccepted(referral_id=uuid7()), source="iom")
    log.write(message)
    log.write(processed("refused", message.id, organisation="iom", type=message.type, service="referrals"))
    week(log, "iom", message.type, 336)
    week(log, "fuvadis", message.type, 84)

    answer = operator.get("/topologia")

    assert answer.status == 200
    (drawn,) = re.findall(r"<svg.*?</svg>", answer.text, re.DOTALL)
    assert 'role="img"' in drawn
    assert 'aria-label="' in drawn
    rows = re.findall(r'<th scope="row">(\d+)\. ', answer.text)
    assert sorted(re.findall(r">\W{0,2}(\d+)\. ", drawn), key=int) == rows
    first = answer.text[answer.text.index('<tr><th scope="row">1. ') :].split("</tr>")[0]
    (part_of,) = re.findall(r"<details>\s*<summary>[^\n]*OIM.*?</details>", answer.text, re.DOTALL)
    assert first in part_of
    assert "<strong>1 falla</strong>" in part_of
    for part in (">referrals<", ">1<", ">2,0<", "<strong>1</strong>", "falla"):
        assert part in first
    assert "1 · 2,0" in drawn
    (gone,) = re.findall(r"Ya no se dice.*?</ul>", answer.text, re.DOTALL)
    assert f"{name('fuvadis')} → referrals" in gone
    assert "decía 0,5 por hora" in gone
    assert "Es nuevo" in answer.text  # the report of the service


def test_no_more_is_drawn_than_can_be_read_and_the_rest_is_in_the_tables(log: Log, operator: Browser) -> None:
    for number in range(page.SHOWN + 30):
        week(log, f"organisation-{number}", "referral.accepted.v1", 168)

    first = operator.get("/topologia")

    assert first.text.count('<th scope="row">') == first.text.count("<details>") == page.SHOWN
    assert first.text.count("<g") == page.DRAWN
    behind = re.search(r'href="(/topologia\?desde=\d+)"', first.text)
    assert behind is not None
    rest = operator.get(behind[1])
    numbers = re.findall(r'<th scope="row">(\d+)\.', first.text + rest.text)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert len(numbers) > page.SHOWN


@pytest.mark.parametrize("asked", ["0", "x", "-1", "9999", "1e3"])
def test_an_address_that_means_no_row_leads_nowhere(log: Log, operator: Browser, asked: str) -> None:
    assert operator.get(f"/topologia?desde={asked}").status == 404


def test_where_the_log_is_behind_or_away_there_is_no_data_and_no_0(
    log: Log, operator: Browser, console: Console
) -> None:
    week(log, "iom", "referral.accepted.v1", 168)
    log.query("update counted set until = until - interval '20 minutes'")
    late = operator.get("/topologia").text
    assert "Sin dato de la última hora" in late
    assert ">sin dato<" in late
    assert ">0<" not in late
    assert "Ya no se dice" not in late

    log.query("delete from counted")
    assert "todavía no ha contado nada" in operator.get("/topologia").text

    browser = Browser(console.run(log_database_url=AWAY, services=SERVICES))
    console.enrol(browser, "topology.blind", "operations", organisation=CENTRE)
    assert "El registro de mensajes no responde" in browser.get("/topologia").text


def test_a_confidential_case_is_seen_by_family_and_service_alone(log: Log, operator: Browser) -> None:
    referral = uuid7()
    request = said(confidential_request(referral_id=referral), source="redcross")
    log.write(status("iom", referral))
    log.write(request)
    log.write(processed("refused", request.id, organisation="redcross", type=request.type, service="referrals"))

    text = operator.get("/topologia").text

    assert "casos reservados" in text
    rows = [one for one in re.findall(r'<tr><th scope="row".*?</tr>', text) if "messages.<wbr>" not in one]
    assert rows
    (hidden,) = re.findall(r"<summary>[^\n]*casos reservados.*?</details>", text, re.DOTALL)
    assert all(one in hidden for one in rows)
    assert name("redcross") not in hidden
    assert request.type.replace(".", ".<wbr>") not in text


def test_a_look_is_recorded(console: Console, log: Log, operator: Browser) -> None:
    operator.get("/topologia")

    (row,) = console.query("select act, details from audit_entry order by number desc limit 1")
    assert row["act"] == "network_seen"
    assert '"page":"topology"' in row["details"]
