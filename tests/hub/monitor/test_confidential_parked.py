"""What operators see of parked messages of confidential cases: the id, the family of the contract, the service alone.

Column by column, of every view and every function of mending; whichever way the service learns that the case is
confidential, before the message or after it, and whatever becomes of it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.rows import dict_row

import contracts
from contracts import codes, uuid7
from contracts.codes import is_confidential
from deploy.local import mending
from deploy.local.repair import Choice, Kind, Place, _kind
from deploy.local.state import ROOT
from deploy.local.status import read_service
from hub.monitor import waiting
from hub.monitor.log import entries
from hub.monitor.mending import failures, mended, operations, replays
from hub.monitor.mending.failures import Cause
from hub.monitor.mending.mended import Mended
from messaging import confidential, database, erasure
from messaging.answers import MissingPrerequisite, Refused
from messaging.log import JsonLines
from messaging.runtime import Delivery
from messaging.topology import NAME
from messaging.transaction import transaction
from tests.examples import confidential_request, referral_requested
from tests.hub.conftest import probe, probed
from tests.hub.ledger import said
from tests.hub.monitor.mender import Mender, mender

__all__ = ["mender", "probe", "probed"]

SHELTER: Final = "shelter"  # whose message it is
CODE: Final = "not_while_cancelled"  # what the service says of it
HIDDEN: Final = {
    "source": "-", "type": "referral", "subject": None, "waiting_for": None, "error": "RuntimeError",
}  # fmt: skip
SHOWN: Final = frozenset({
    "parked_id", "state", "attempts", "message_id", "size", "digest", "parked_at", "next_attempt_at", "operation_id",
    "later", "outcome_id", "result", "at",
})  # fmt: skip
"""As it is, also of a confidential case: what says nothing of it, or what the message log shows as well."""
SAID_BY_SERVICE: Final = frozenset({"reason", "was", "code"})
"""As it is where the runtime itself says so; else `-`."""


def handled(mender: Mender, handle: Callable[[contracts.Message], Sequence[contracts.Draft]]) -> None:
    """Have the service take requests and acceptances so."""
    handlers: Any = dict.fromkeys(
        (contracts.ReferralRequested, contracts.ReferralAccepted), lambda service, tx, message: handle(message)
    )
    mender.runtime._handlers |= handlers


def broken(message: contracts.Message) -> Sequence[contracts.Draft]:
    raise RuntimeError(f"somebody's name in {message.subject}")


def taken(message: contracts.Message) -> Sequence[contracts.Draft]:
    return []


def early(message: contracts.Message) -> Sequence[contracts.Draft]:
    raise MissingPrerequisite("referral", str(uuid7()), CODE)


def refusing(message: contracts.Message) -> Sequence[contracts.Draft]:
    raise Refused(CODE)


def request(**more: Any) -> contracts.Message:
    """A request of a confidential case."""
    return said(confidential_request(**{"referral_id": uuid7(), **more}), source=SHELTER)


def acceptance(referral_id: Any, source: str = SHELTER, cause: contracts.Message | None = None) -> contracts.Message:
    """What says itself nothing of the case being confidential."""
    return said(contracts.ReferralAccepted(referral_id=referral_id), source=source, cause=cause)


def everything(mender: Mender) -> str:
    """All that operators can read of this service, by the views, the pages' functions, the terminal and alerts."""
    found: list[Any] = []
    with psycopg.connect(mender.databases["probe"], row_factory=dict_row) as operator:
        for view in ("parked", "outcome", "operation", "operation_message", "replayed"):
            found += operator.execute(f"select * from operators.{view}".encode()).fetchall()
        operations_there = operator.execute("select operation_id from operators.operation").fetchall()
    url = mender.databases["probe"]
    groups = failures.read(mender.databases)
    found += [asdict(groups), mending._failures_as_text(groups), failures.messages(url, Cause())]
    for row in operations_there:
        found += [
            operations.messages(url, row["operation_id"]),
            operations.shares(mender.databases, row["operation_id"]),
        ]
        found += [replays.messages(url, row["operation_id"])]
    found.append(read_service(mender.probe.database_url))
    return json.dumps(found, default=str) + str(found)


def hides(mender: Mender, *messages: contracts.Message) -> None:
    """Nothing of these is seen but that they are there."""
    seen = everything(mender)
    for message in messages:
        assert str(message.id) in seen
        for word in (SHELTER, str(message.subject), message.type, CODE, "test_confidential_parked.py"):
            assert word not in seen, word


# -- how it is known ---------------------------------------------------------------------------------------------------


def test_what_says_so_itself_is_hidden_whatever_becomes_of_it(mender: Mender) -> None:
    handled(mender, broken)
    first = request()
    mender.fail(first)
    hides(mender, first)
    mender.start(mender.plan())
    hides(mender, first)
    mender.retry(3)
    hides(mender, first)
    mender.start(mender.plan("give_back"))
    mender.retry()
    hides(mender, first)


def test_what_has_no_handler_or_comes_early_or_under_a_used_id_is_hidden(mender: Mender) -> None:
    unhandled = request()
    mender.send(unhandled)
    handled(mender, early)
    waits = request()
    mender.send(waits)
    again = said(
        confidential_request(referral_id=uuid7(), urgency=codes.Urgency.EMERGENCY), source=SHELTER, id=waits.id
    )
    mender.send(again)
    assert len(mender.probe.parked()) == 3
    hides(mender, unhandled, waits, again)


def test_what_stands_behind_another_is_hidden(mender: Mender) -> None:
    handled(mender, broken)
    first = request()
    mender.send(first)
    behind = acceptance(first.data.referral_id)
    mender.send(behind)
    hides(mender, first, behind)


@pytest.mark.parametrize("comes", ["before", "after"])
def test_what_is_about_the_same_or_answers_it_is_hidden(mender: Mender, comes: str) -> None:
    first = request()
    about, answers = acceptance(first.data.referral_id), acceptance(uuid7(), cause=first)
    if comes == "before":
        handled(mender, taken)
        mender.send(first)
    handled(mender, broken)
    mender.send(about, answers)
    if comes == "after":
        assert str(about.subject) in everything(mender)
        handled(mender, taken)
        mender.send(first)
    hides(mender, about, answers)


def test_what_is_about_a_case_that_the_service_itself_has_told_of_is_hidden(mender: Mender) -> None:
    """As a referral that it made of another: nobody has sent it a request for that one."""
    case = uuid7()

    def tells(message: contracts.Message) -> Sequence[contracts.Draft]:
        fact = contracts.ConsentSuspended(consent_id=case, suspended_at=message.time, confidential=True)
        return [contracts.Draft(fact, str(case), sequence=1)]

    handled(mender, tells)
    mender.send(said(referral_requested(referral_id=uuid7()), source="iom"))
    handled(mender, broken)
    about = acceptance(case)
    mender.send(about)
    hides(mender, about)


def test_what_the_hub_says_and_a_service_refuses_is_hidden_with_why(mender: Mender) -> None:
    handled(mender, refusing)
    message = said(confidential_request(referral_id=uuid7()))
    mender.send(message)
    (row,) = mender.probe.parked()
    assert (row["state"], row["reason"]) == ("quarantined", CODE)
    hides(mender, message)
    (group,) = failures.read(mender.databases).groups
    assert (group.senders, group.may_be_retried, group.may_be_given_back) == (("hub",), 1, 0)


def test_what_could_not_be_read_is_hidden_when_it_can_be(mender: Mender) -> None:
    handled(mender, early)
    message = request()
    mender.probe.query(
        "insert into parked (state, reason, raw) values ('quarantined', 'unknown_contract', %s)", message.to_json()
    )
    mender.start(mender.plan())
    mender.retry()
    hides(mender, message)


def test_what_is_not_confidential_is_shown_beside_it(mender: Mender) -> None:
    handled(mender, broken)
    hidden, plain = request(), said(referral_requested(referral_id=uuid7()), source="iom")
    mender.fail(hidden, plain)
    by_contract = {one.contract: one for one in failures.read(mender.databases).groups}
    assert {name: (one.senders, one.confidential) for name, one in by_contract.items()} == {
        "referral": (("-",), True), "referral.requested.v2": (("iom",), False),
    }  # fmt: skip
    assert by_contract["referral.requested.v2"].error != by_contract["referral"].error == "RuntimeError"


# -- column by column --------------------------------------------------------------------------------------------------


def test_each_column_is_hidden_or_known_to_say_nothing_of_the_case(mender: Mender) -> None:
    """Whoever adds a column to a view says of it here what it tells of a confidential case."""
    handled(mender, broken)
    messages = [request(), said(referral_requested(referral_id=uuid7()), source=SHELTER)]
    mender.fail(*messages)
    mender.start(mender.plan())
    mender.probe.query("update parked set waiting_for = %s", messages[0].subject)
    views = ("parked", "outcome", "operation_message")
    with psycopg.connect(mender.databases["probe"], row_factory=dict_row) as operator:
        for view in views:
            rows = operator.execute(f"select * from operators.{view}".encode()).fetchall()
            hidden, plain = (next(row for row in rows if row["message_id"] == one.id) for one in messages)
            assert (hidden.pop("confidential"), plain.pop("confidential")) == (True, False)
            for column, value in hidden.items():
                if column in HIDDEN:
                    assert value == (HIDDEN[column] if plain[column] is not None else None), (view, column)
                    assert plain[column] != value or value is None
                else:
                    assert column in SHOWN | SAID_BY_SERVICE, (view, column)
                    assert (value is None) == (plain[column] is None)


def test_what_was_done_with_a_message_is_told_as_it_is_shown(mender: Mender) -> None:
    """Whoever adds a column to what is looked up by a message's id says of it here what it tells of such a case."""
    handled(mender, broken)
    messages = [request(), said(referral_requested(referral_id=uuid7()), source=SHELTER)]
    mender.fail(*messages)
    mender.start(mender.plan())
    mender.retry(3)
    ((hidden,), (plain,)) = (mended.look_up(mender.databases, one.id).rows for one in messages)
    assert (hidden.confidential, plain.confidential) == (True, False)
    assert (hidden.error, plain.error == hidden.error) == ("RuntimeError", False)
    assert {one.name for one in fields(Mended)} == {
        "service", "operation_id", "act", "started_at", "started_by", "why", "result", "code", "error", "at",
        "confidential",
    }  # fmt: skip

    handled(mender, refusing)
    mender.start(mender.plan())
    mender.retry()
    newest = [mended.look_up(mender.databases, one.id).rows[0] for one in messages]
    assert [(one.result, one.code) for one in newest] == [("refused", "-"), ("refused", CODE)]
    shown = str([mended.look_up(mender.databases, messages[0].id), mended.look_up(mender.databases, uuid7())])
    for word in (SHELTER, CODE, messages[0].subject, messages[0].type):
        assert word not in shown


def test_what_a_service_says_is_hidden_and_what_the_runtime_says_is_not(mender: Mender) -> None:
    handled(mender, early)
    mender.send(request())
    mender.probe.query("update parked set state = 'quarantined', next_attempt_at = null, waiting_for = null")
    planned = mender.plan()
    assert [one.was for one in operations.messages(mender.databases["probe"], planned.operation_id)] == ["-"]
    handled(mender, refusing)
    mender.start(planned)
    mender.retry()
    (one,) = operations.messages(mender.databases["probe"], planned.operation_id)
    assert (one.was, one.result, one.code, one.source) == ("-", "refused", "-", "-")
    handled(mender, broken)
    mender.fail(request())
    mender.start(mender.plan("give_back"))
    mender.retry()
    with psycopg.connect(mender.databases["probe"]) as operator:
        said = operator.execute("select code from operators.outcome where result = 'given_back'").fetchall()
    assert said == [("given_back",)]


# -- no way around -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "guess", [{"contract": "referral.requested.v2"}, {"reason": CODE}, {"error": "RuntimeError at {place}"}]
)
def test_a_dry_run_does_not_tell_what_is_hidden(mender: Mender, guess: dict[str, str]) -> None:
    handled(mender, early if "reason" in guess else broken)
    mender.fail(request()) if "reason" not in guess else mender.send(request())
    mender.probe.query("update parked set state = 'quarantined', next_attempt_at = null")
    (row,) = mender.probe.parked()
    guess = {name: value if "{" not in value else row["error"] for name, value in guess.items()}
    guessed = Cause("probe", **guess)

    by_id = mender.plan(cause=guessed, ids={"probe": [row["parked_id"]]})
    assert (by_id.sum_of("selected"), by_id.sum_of("left_out")) == (0, 1)
    by_group = mender.plan(cause=guessed)
    assert (by_group.sum_of("selected"), by_group.sum_of("left_out")) == (0, 0)
    assert failures.read(mender.databases, guessed).groups == ()
    assert mender.plan(cause=Cause("probe", "referral")).sum_of("selected") == 1


def test_the_group_of_a_confidential_case_is_mended_as_it_is_shown(mender: Mender) -> None:
    handled(mender, broken)
    first = request()
    mender.fail(first)
    (group,) = failures.read(mender.databases).groups
    cause = Cause(group.service, group.contract, group.reason, group.error)
    planned = mender.plan("give_back", cause)
    mender.start(planned)
    mender.retry()
    assert mender.look(planned).sum_of("given_back") == 1
    assert mender.refusals() == [(first.id, "given_back")]


def test_a_replay_shows_no_ids_of_a_confidential_case(mender: Mender) -> None:
    """By the contract that it was chosen by, the id would say which contract a message is that the log hides."""
    consent, plain = uuid7(), uuid7()

    def tells(message: contracts.Message) -> Sequence[contracts.Draft]:
        facts = [(consent, True), (plain, False)]
        return [
            contracts.Draft(
                contracts.ConsentSuspended(consent_id=one, suspended_at=message.time, confidential=hidden),
                str(one),
                sequence=1,
            )
            for one, hidden in facts
        ]

    handled(mender, tells)
    mender.send(said(referral_requested(referral_id=uuid7()), source="iom"))
    mender.probe.query("update outbox_writer set published = committed")
    mine = {one.subject: one.id for one in mender.published if isinstance(one.data, contracts.ConsentSuspended)}
    with database.connect(mender.databases["probe"]) as operator:
        operation = uuid7()
        operator.execute(
            "select operators.plan_replay(%s, 'operator:1', 'consent.suspended.v1', null, now() - interval '1 hour',"
            " now() + interval '1 hour')",
            (operation,),
        )
    ids = [one.message_id for one in replays.messages(mender.databases["probe"], operation)]
    assert sorted(ids, key=str) == sorted([None, mine[str(plain)]], key=str)


# -- whom else it is told ----------------------------------------------------------------------------------------------


def test_that_somebody_waits_is_told_and_not_who(mender: Mender) -> None:
    handled(mender, broken)
    mender.fail(request())
    given_up = read_service(mender.probe.database_url)["given_up"]
    assert given_up == [["failed", "-"]]
    assert waiting.whose((reason, source) for reason, source in given_up) == ("-",)
    assert NAME.fullmatch("-") is None, "an organisation may be called so"


def test_once_somebody_is_erased_it_stays_hidden(mender: Mender) -> None:
    handled(mender, broken)
    first = request()
    mender.fail(first)
    mender.start(mender.plan("give_back"))
    mender.retry()
    handled(mender, broken)
    left = acceptance(first.data.referral_id)
    mender.fail(left)

    with database.connect(mender.probe.database_url) as connection:
        with transaction(connection) as tx:
            erasure.forget(tx, [first.data.referral_id])
        erasure.carry_out(connection)

    seen = everything(mender)
    for word in (SHELTER, first.type, left.type, str(first.data.referral_id), CODE):
        assert word not in seen, word
    stays = mender.probe.query("select * from parked_outcome")
    assert stays
    assert {row["message_id"] for row in stays} == {None}
    assert str(first.data.referral_id) not in str(mender.probe.query("select * from confidential_hash"))


@pytest.mark.parametrize("comes", ["with it", "before"])
def test_no_log_line_says_whose_a_message_of_a_case_is(
    mender: Mender, caplog: pytest.LogCaptureFixture, comes: str
) -> None:
    caplog.set_level("INFO", "ruta")
    first = request()
    later = acceptance(first.data.referral_id)
    handled(mender, taken)
    mender.send(first)
    handled(mender, refusing)
    mender.send(*([later] if comes == "before" else [request(), later]))
    handled(mender, broken)
    mender.fail(request(), acceptance(first.data.referral_id))
    plain = said(contracts.ReferralAccepted(referral_id=uuid7()), source="iom")
    mender.send(plain)
    lines = [json.loads(JsonLines("probe").format(one)) for one in caplog.records]
    assert {one["says"] for one in lines} >= {"refused", "quarantined", "a message failed and will be tried again"}
    (shown,) = [one for one in lines if one.get("message") == str(plain.id)]
    assert shown["contract"] == plain.type
    of_messages = [one for one in lines if {"message", "parked"} & one.keys() and one.get("message") != str(plain.id)]
    hidden = json.dumps(of_messages)
    assert str(later.id) in hidden
    for word in (SHELTER, CODE, first.type, later.type, str(later.subject), "test_confidential_parked.py"):
        assert word not in hidden, word


# -- the one rule ------------------------------------------------------------------------------------------------------


EXAMPLES: Final = sorted((ROOT / "contracts" / "examples").glob("*/ok-*.json"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_log_and_services_know_by_the_same_which_message_says_so(file: Path) -> None:
    raw = file.read_bytes()
    message = contracts.parse(raw)
    (logged, *_) = entries.read("x", raw)
    assert logged.confidential == confidential.says_so(message) == confidential.says_so(contracts.upcast(message))


def test_there_are_messages_that_say_so() -> None:
    assert confidential.says_so(request())
    assert is_confidential(request().data.need_code)
    assert not confidential.says_so(acceptance(uuid7()))


def test_a_message_that_is_read_again_is_noted_once(mender: Mender) -> None:
    handled(mender, taken)
    first = request()
    for _ in range(2):
        mender._keep(mender.runtime.apply(object(), [Delivery(1, first.to_json(), True)]))
    noted = (
        "select count(*) as many from confidential_hash where hash in (sha256(uuid_send(%s)), sha256(uuid_send(%s)))"
    )
    (row,) = mender.probe.query(noted, first.id, first.data.referral_id)
    assert row["many"] == 2


# -- what lies aside in the broker -------------------------------------------------------------------------------------


def test_what_lies_aside_of_a_confidential_case_is_counted_by_its_family() -> None:
    """As `./ruta repair` has it: with whom it was, and where it goes back, would stand whose it is."""

    def kind(message: contracts.Message, place: Place) -> Kind:
        key, properties = f"submit.{SHELTER}.{message.type}", {"user_id": SHELTER}
        return _kind("network", "unrouted", FakeDelivered(key, message.to_json()), properties, place)  # type: ignore[arg-type]

    goes, stays = Place("submit.shelter", "x"), Place(stays="it was not published to the hub")
    hidden = [kind(request(), goes), kind(request(), stays)]
    assert SHELTER not in str(hidden)
    assert [(one.contract, one.sender, one.stays) for one in hidden] == [
        ("referral", "-", False),
        ("referral", "-", True),
    ]
    assert not any(Choice(sender=SHELTER).takes(one, b"") for one in hidden)
    plain = kind(said(referral_requested(referral_id=uuid7()), source=SHELTER), goes)
    assert (plain.contract, plain.sender) == ("referral.requested.v2", SHELTER)
    for body in (b"", b"{", b"[]", b'{"data": []}'):
        assert not entries.says_confidential(body)


@dataclass
class FakeDelivered:
    """A message of the broker."""

    key: str
    body: bytes

    def routing_key(self) -> str:
        return self.key
