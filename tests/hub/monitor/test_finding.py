"""`./ruta events find`: messages are found in a terminal as on the page, by the same look-up, and masked as there."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

import contracts
from contracts import uuid7
from hub.monitor import moments
from hub.monitor.log import asking, reading
from hub.monitor.log.reading import Search
from messaging import clock
from tests.examples import confidential_request, say
from tests.hub.ledger import processed, status
from tests.hub.monitor.logging import NOW, Log

Find = Callable[..., tuple[str, str]]


@pytest.fixture
def find(log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Find:
    """Ask, and return what was printed on either side."""
    monkeypatch.setenv("SERVICE_DATABASE_URL", log.url)

    def ask(*words: object) -> tuple[str, str]:
        asking.app(["find", *map(str, words)], result_action="return_value")
        said = capsys.readouterr()
        return said.out, said.err

    return ask


def in_json(find: Find, *words: object) -> Any:
    return json.loads(find(*words, "--json")[0])


def test_it_finds_by_each_of_its_words_what_the_page_finds(log: Log, find: Find) -> None:
    referral = uuid7()
    one, other = status("iom", referral), status("redcross")
    log.write(one, other, processed("refused", one.id, organisation="iom", type=one.type, code="no_consent"))
    shortly = (NOW - timedelta(hours=1)).isoformat()

    for words, search in (
        (("--organisation", "iom"), Search(organisation="iom")),
        (("--contract", one.type, "--organisation", "iom"), Search(type=one.type, organisation="iom")),
        (("--contract", "referral.status", "--code", "no_consent"), Search(type=one.type, code="no_consent")),
        (("--code", "no_consent", "--since", shortly), Search(code="no_consent")),
        (("--subject", referral), Search(subject=referral)),
        (("--subject", contracts.short_code(referral).lower()), Search(subject=referral)),
    ):
        found = reading.find(log.connection, search).entries
        assert one.id in [each.id for each in found]
        assert other.id not in [each.id for each in found]
        text, _ = find(*words)
        assert text.splitlines() == "\n".join(map(asking.line, found)).splitlines(), words
        assert ": refused (no_consent)" in text
        said = json.loads(json.dumps([asdict(each) for each in found], default=str))
        assert in_json(find, *words) == {"messages": said, "next": None}
    for words in (("--code", "no_consent", "--until", shortly), ("--subject", uuid7()), ("--organisation", "fuvadis")):
        assert find(*words)[0] == f"{asking.NONE_FOUND}\n"
        assert in_json(find, *words)["messages"] == []


def test_where_there_are_more_it_says_how_they_are_asked_for(log: Log, find: Find) -> None:
    messages = [status("iom") for _ in range(120)]
    log.write(*messages)
    seen, more = list[str](), list[str]()
    for count in (50, 50, 20):
        text, aside = find("--organisation", "iom", *more)
        page = in_json(find, "--organisation", "iom", *more)
        assert len(page["messages"]) == len(text.splitlines()) == count
        assert (f"--after {page['next']}" in aside) == (page["next"] is not None)
        seen += [one["id"] for one in page["messages"]]
        more = ["--after", page["next"]]
    assert page["next"] is None
    assert sorted(seen) == sorted(str(one.id) for one in messages)


def test_of_a_confidential_case_the_id_the_family_and_the_services_are_shown_alone(log: Log, find: Find) -> None:
    message = say(confidential_request())
    refusal = processed("refused", message.id, organisation=message.source, type=message.type, code="no_consent")
    log.write(message, refusal)

    line, outcome = next(pair for pair in pairwise(find()[0].splitlines()) if str(message.id) in pair[0])
    assert line.endswith(f" - referral {message.id}")
    assert outcome.strip() == "intake: refused"
    (entry,) = (one for one in in_json(find)["messages"] if one["id"] == str(message.id))
    assert (entry["source"], entry["organisation"], entry["type"], entry["confidential"]) == (
        "-",
        "-",
        "referral",
        True,
    )
    for word in (message.source, message.subject, message.type, "no_consent"):
        assert word not in line + outcome + str(entry)
    for words in (
        ("--organisation", message.source),
        ("--contract", message.type),
        ("--code", "no_consent"),
        ("--subject", message.subject),
        ("--subject", contracts.short_code(message.data.referral_id)),
    ):
        assert str(message.id) not in [one["id"] for one in in_json(find, *words)["messages"]], words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--organisation", "Ana Pérez"), "--organisation is an id"),
        (("--contract", "x.y"), "There is no such contract"),
        (("--code", "No!"), "--code is one that"),
        (("--subject", "Ana"), "--subject is an id"),
        (("--since", "yesterday"), moments.FORMS),
        (("--until", "7"), moments.FORMS),
        (("--after", "x"), "--after is what was printed"),
        (("--after", f"2026-03-02T09:00:00~{uuid7()}"), "--after is what was printed"),
    ],
)
def test_what_means_nothing_is_said_in_a_sentence(find: Find, words: tuple[str, str], said: str) -> None:
    with pytest.raises(SystemExit) as ended:
        find(*words)
    assert str(ended.value.code).startswith(said)


def test_a_time_is_so_long_ago_or_one_in_colombia_or_has_its_own_zone() -> None:
    now = clock.machine_now()
    assert moments.read("90m", now) == now - timedelta(minutes=90)
    assert moments.read("2d", now) == now - timedelta(days=2)
    assert moments.read("2d", now, ahead=True) == now + timedelta(days=2)
    assert moments.read("2026-03-02T04:00", now) == moments.read("2026-03-02T09:00+00:00", now) == NOW
