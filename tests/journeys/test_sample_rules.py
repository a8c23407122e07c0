"""What the sample says by itself, what its partners answer, and where it may not be."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from pydantic_core import to_json
from rich.console import Console

import contracts
from contracts import Message, sealing
from contracts.codes import NotMetReason, Outcome, ReferralState
from demo.run import look_at_sample
from demo.sample import cast, script
from demo.sample.answering import answer
from demo.sample.journal import Journal
from demo.sample.people import FAMILIES, Person
from demo.sample.setting_up import check_place, declared
from deploy.local.operator_error import OperatorError
from deploy.local.state import State
from hub.console.hosting import uses_screens
from messaging.believing import COLOMBIA
from messaging.topology import read_organisation
from tests import examples

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
KEY = sealing.public_part(sealing.new_key())
LINES = [line for lines in script.rounds() for line in lines]


def test_each_state_has_two_cases_at_least_and_each_role_somebody() -> None:
    counted = Counter(case.ends for case in script.CASES)
    assert {state: counted[state] for state in ReferralState if counted[state] < 2} == {}
    assert len({one.role for one in cast.STAFF}) == len(cast.STAFF) == 5


def test_every_sample_says_the_same_about_the_same() -> None:
    again = [line for lines in script.rounds() for line in lines]
    assert [line.message_id for line in again] == [line.message_id for line in LINES]
    assert len({line.message_id for line in LINES}) == len(LINES)
    assert [line.data(NOON) for line in again] == [line.data(NOON) for line in LINES]
    assert [line.clear for line in again] == [line.clear for line in LINES]


@pytest.mark.parametrize("type", sorted({line.type for line in LINES}))
def test_what_is_said_keeps_its_contract(type: str) -> None:
    contract = contracts.CONTRACTS[type]
    for line in LINES:
        if line.type == type:
            data = dict(line.data(NOON))
            if line.sealed_to is not None and line.clear is not None:
                contracts.read_block(block_of(line), dict(line.clear))
                data["sealed"] = sealing.seal(dict(line.clear), KEY)
            contract.data.model_validate_json(to_json(data))


def block_of(line: script.Line) -> type[contracts.Block]:
    """What goes into the sealed block of a line."""
    if line.type == "person.named.v1":
        return contracts.NameBlock
    return contracts.NoteBlock if "text" in (line.clear or {}) else contracts.PersonBlock


def test_the_centre_is_told_names_under_consents_for_that_alone_and_one_is_taken_back() -> None:
    named = {number: case for number, case in enumerate(script.CASES) if case.is_named}
    assert not {case.sender for case in named.values()} & {cast.CENTRE}  # which knows by itself whom it sends
    said = {line.name: (round, line) for round, lines in enumerate(script.rounds()) for line in lines}
    consents = {script.id_of(f"consent {number} to coordinate") for number in named}
    for number, case in named.items():
        (allowed_in, allowed), (named_in, told) = (
            said[name] for name in (f"consent {number} to coordinate granted", f"person {number} named")
        )
        assert allowed_in < named_in
        assert (allowed.by, told.by, told.sealed_to) == (case.sender, case.sender, cast.CENTRE)
        terms = dict(allowed.data(NOON))
        assert (terms["purposes"], terms["recipients"]) == (("coordinate",), (cast.CENTRE,))
        registered = said[f"person {number} registered"][1].clear
        assert registered is not None
        registered = dict(said[f"person {number} registered"][1].clear or {})
        assert told.clear == {part: registered[part] for part in ("given_names", "family_names")}
    withdrawn = [line for line in LINES if line.type == "consent.withdrawn.v1"]
    assert len([line for line in withdrawn if dict(line.data(NOON))["consent_id"] in consents]) == 1


def test_people_are_nobody() -> None:
    blocks = [Person(number).block(date(2026, 3, 2)) for number in range(len(script.CASES))]
    assert all(set(block["family_names"].split()) <= set(FAMILIES) for block in blocks)
    names = [(block["given_names"], block["family_names"]) for block in blocks]
    assert len(set(names)) == len(names)
    assert len({block["documents"][0]["number"] for block in blocks}) == len(blocks)


def test_who_expects_a_child_may() -> None:
    (case,) = (number for number, case in enumerate(script.CASES) if case.ways and case.service == "americares.materna")
    (line,) = (line for line in LINES if line.name == f"person {case} registered")
    assert line.clear is not None
    assert line.clear["sex"] == "female"


@pytest.mark.parametrize("hour", [0, 12, 22])
def test_what_is_asked_for_within_hours_is_due_today_as_long_as_there_is_one(hour: int) -> None:
    now = datetime(2026, 3, 2, hour, 50, tzinfo=COLOMBIA)
    for line in LINES:
        due = dict(line.data(now)).get("answer_by")
        assert due is None or due.astimezone(COLOMBIA) <= max(now.replace(hour=23, minute=59), now + script.HOURS)


@pytest.mark.parametrize("hour", [0, 7, 12, 20, 23])
@pytest.mark.parametrize("nth", [0, 7, 17, 30])
def test_a_visit_of_today_is_today_and_still_to_come(hour: int, nth: int) -> None:
    now = datetime(2026, 3, 2, hour, 50, tzinfo=COLOMBIA)
    today = script.visit_at(0, nth, now).astimezone(COLOMBIA)
    assert today.date() == now.date()
    assert today >= now
    assert script.visit_at(1, nth, now).astimezone(COLOMBIA).date() == now.date() + timedelta(days=1)


def status(state: ReferralState, **more: object) -> Message[contracts.ReferralStatus]:
    told = {
        "referral_id": examples.REFERRAL_ID,
        "state": state,
        "changed_at": NOON,
        "changed_by": "hub",
        "sender": "iom",
        "recipient": "redcross",
        "service_id": examples.SERVICE_ID,
    }
    return examples.say(contracts.ReferralStatus(**{**told, **more}), source="hub")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "me", "type"),
    [
        (ReferralState.ACCEPTED, "redcross", "referral.scheduled.v1"),
        (ReferralState.ACCEPTED, "iom", None),
        (ReferralState.CANCEL_REQUESTED, "redcross", "referral.cancelled.v1"),
        (ReferralState.INFO_REQUESTED, "iom", "referral.info_provided.v1"),
        (ReferralState.INFO_REQUESTED, "redcross", None),
        (ReferralState.CONSENT_WITHDRAWN, "iom", "referral.purged.v1"),
        (ReferralState.CONSENT_WITHDRAWN, "redcross", "referral.purged.v1"),
        (ReferralState.DECLINED, "iom", None),
        (ReferralState.SCHEDULED, "redcross", None),
    ],
)
def test_a_partner_answers_what_is_its_to_answer(state: ReferralState, me: str, type: str | None) -> None:
    said = answer(status(state), me, asked_before=False)
    assert (said.line.type if said else None) == type
    if said is not None:
        assert timedelta(seconds=4) <= said.after <= timedelta(minutes=1)
        data = dict(said.line.data(NOON))
        if said.line.sealed_to is not None and said.line.clear is not None:
            data["sealed"] = sealing.seal(dict(said.line.clear), KEY)
        contracts.CONTRACTS[said.line.type].data.model_validate_json(to_json(data))


def test_a_partner_closes_what_was_completed_as_it_was_said() -> None:
    completed = status(ReferralState.COMPLETED, outcome=Outcome.NOT_MET, not_met_reason=NotMetReason.NO_CAPACITY)
    said = answer(completed, "iom", asked_before=False)
    assert said is not None
    assert dict(said.line.data(NOON)).items() >= {"outcome": "not_met", "not_met_reason": "no_capacity"}.items()


def test_a_partner_asks_once_and_then_decides() -> None:
    received = [status(ReferralState.RECEIVED, referral_id=UUID(int=number)) for number in range(100)]
    first = Counter(said.line.type for one in received if (said := answer(one, "redcross", asked_before=False)))
    then = Counter(said.line.type for one in received if (said := answer(one, "redcross", asked_before=True)))
    assert first["referral.accepted.v1"] > 50
    assert first["referral.info_requested.v1"] > 0
    assert then["referral.info_requested.v1"] == 0
    assert sum(then.values()) == 100


def test_two_organisations_have_the_console_alone() -> None:
    network = declared()
    hosted = {id for id, said in network.seeds.items() if uses_screens(read_organisation(id, dict(said), network))}
    assert hosted == cast.HOSTED


@pytest.mark.parametrize("name", ["RUTA_DATABASE_URL", "RUTA_AMQP_URL"])
def test_it_is_never_on_servers_of_somebody_elses(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError, match="servers of its own"):
        check_place(State(tmp_path), {name: "x"})


def test_the_demo_on_such_servers_ends_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUTA_STATE", str(tmp_path))
    monkeypatch.setenv("RUTA_DATABASE_URL", "postgresql://nobody@localhost/none")
    said = StringIO()
    look_at_sample(Console(file=said, soft_wrap=True))
    assert "The sample is for servers of its own" in said.getvalue()
    assert list(tmp_path.iterdir()) == []


def test_it_leaves_alone_what_was_there_before_it(tmp_path: Path) -> None:
    state = State(tmp_path)
    check_place(state, {})
    (tmp_path / "postgres").mkdir()
    with pytest.raises(OperatorError, match="there is a network already"):
        check_place(state, {})
    state.sample.mkdir()
    check_place(state, {})


def test_what_was_written_is_said_as_it_was(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.write("one", b"bytes")
    journal.close()
    journal = Journal(tmp_path / "journal.sqlite")
    assert (journal.body("one"), journal.was_taken("one")) == (b"bytes", False)
    journal.taken("one")
    assert journal.was_taken("one")
    assert journal.body("other") is None
    journal.close()
