"""The console's tables are filled anew while everything runs: each owner says again what it has told, and no more."""

import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any, get_args

import pytest

import contracts
from contracts import Message
from hub.console import service as console_service
from hub.console.service import ConsoleService
from messaging import clock, database, rebuilding, saying
from messaging.runtime import Delivery, Runtime
from tests.examples import NOW
from tests.examples_reports import HELD_AT, an_id, noted, referred, says
from tests.hub.console.kept import Kept
from tests.services.conftest import SERVICES
from tests.services.outcomes.surroundings import CASES
from tests.services.sequences.conftest import player_of  # noqa: F401 - a fixture
from tests.services.sequences.making import make
from tests.services.sequences.playing import Player

SEQUENCES = 25  # of each service
SAID = ("service", "step", "event")  # a row of these is one fact


class Reader:
    """The console's read service beside one owner of facts, and what stands in its queue."""

    def __init__(self, kept: Kept, player: Player) -> None:
        self.kept, self.player = kept, player
        self._handles = {contracts.contract_of(one).type for one in rebuilding.handlers_of(ConsoleService)}
        self.restart()
        self._seen = 0
        self.queue: list[bytes] = []
        self.pages = 0

    def restart(self) -> None:
        """Be another process, that knows nothing."""
        self._runtime = Runtime("console-test", self.kept.url, dict(rebuilding.handlers_of(ConsoleService)))

    def listen(self, *also: Message[Any]) -> None:
        """Have in the queue what the owner has said since, in order, and what others say."""
        rows = self.player.rows("select position, routing_key, body from outbox order by position")
        new = [row for row in rows if row["position"] > self._seen and row["routing_key"] in self._handles]
        self._seen = max([self._seen, *(row["position"] for row in rows)])
        self.pages += sum(row["routing_key"] == "facts.said.v1" for row in new)
        self.queue += [one.to_json() for one in also if one.type in self._handles]
        self.queue += [row["body"].encode() for row in new]

    def hear(self, *bodies: bytes, lost: bool = False) -> None:
        """Let the service have messages as one batch; what it says then, the owner has, unless that is `lost`."""
        deliveries = [Delivery(tag, one, redelivered=False) for tag, one in enumerate(bodies, 1)]
        self._carry(self._runtime.apply(ConsoleService(), deliveries), lost=lost)

    def tick(self) -> None:
        committed = self._runtime.tick(ConsoleService().ask_for_facts)
        self._carry([] if committed is None else [committed])

    def begin(self, *, afresh: bool) -> bool:
        with database.connect(self.kept.url) as connection:
            news = rebuilding.begin(connection, afresh=afresh)
            connection.commit()
        self.tick()
        return news

    def last(self) -> Any:
        with database.connect(self.kept.url) as connection:
            return rebuilding.last(connection)

    def finish(self) -> None:
        """Let everything that stands in the queue come in, and whatever follows from it."""
        for _ in range(1_000):
            self.listen()
            if not self.queue:
                return
            batch, self.queue = self.queue[:5], self.queue[5:]
            self.hear(*batch)
        raise AssertionError("it comes to no end")

    def close(self) -> None:
        self._runtime.close()

    def tables(self) -> dict[str, list[str]]:
        return {table: sorted(map(repr, rows)) for table, rows in self.kept.tables().items()}

    def _carry(self, committed: list[Any], *, lost: bool = False) -> None:
        said = [contracts.parse(one.body) for part in committed for one in part.publications]
        if said and not lost:
            self.player.apply(tuple(said))


@pytest.fixture(autouse=True)
def moving_clock(monkeypatch: pytest.MonkeyPatch, player_of: Callable[[str], Player]) -> None:  # noqa: F811
    """Nothing happens at one moment with anything else; the examples' surroundings have the clock stand still."""
    moments = count()
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(microseconds=next(moments)))


@pytest.fixture(params=["referrals", "intake"])
def owner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The only service that is asked."""
    monkeypatch.setattr(console_service, "ASKS", (request.param,))
    return str(request.param)


@pytest.fixture
def reader_of(kept: Kept, player_of: Callable[[str], Player]) -> Iterator[Callable[[str], Reader]]:  # noqa: F811
    readers = []

    def make_reader(owner: str) -> Reader:
        kept.forget()
        with database.connect(kept.url) as connection:
            for table in ("rebuild", "rebuild_part"):
                connection.execute(f"delete from {table}")
            connection.commit()
        readers.append(Reader(kept, player_of(owner)))
        return readers[-1]

    yield make_reader
    for one in readers:
        one.close()


def erasures(messages: list[Message[Any]]) -> list[Message[Any]]:
    """What another service tells the console of them."""
    return [one for one in messages if one.type == "person.erased.v1"]


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_tables_filled_anew_are_as_they_were(
    reader_of: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch, owner: str, number: int
) -> None:
    monkeypatch.setattr(saying, "FACTS_AT_ONCE", 1 + number % 4)
    reader = reader_of(owner)
    sequence = make(owner, CASES[owner], seed=11, number=number)
    reader.player.play(sequence)
    reader.listen(*erasures(sequence.messages))
    reader.finish()
    before = reader.tables()

    assert reader.begin(afresh=True)
    reader.finish()
    assert reader.tables() == before
    assert reader.last()["is_whole"]
    assert sum(part["facts"] for part in reader.last()["parts"]) >= sum(len(before[one]) for one in SAID)

    assert reader.begin(afresh=False), "again, over what is there"
    reader.finish()
    assert reader.tables() == before


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_filled_anew_while_everything_goes_on_they_are_as_if_nothing_had_happened(
    reader_of: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch, owner: str, number: int
) -> None:
    chance = random.Random(number)  # noqa: S311 - no secret
    monkeypatch.setattr(saying, "FACTS_AT_ONCE", 1 + number % 4)
    sequence = make(owner, CASES[owner], seed=12, number=number)
    reader = reader_of(owner)
    reader.player.begin()
    heard: list[bytes] = []
    batches, begins_at = list(sequence.batches), chance.randrange(len(sequence.batches))
    for at, batch in enumerate(batches):
        reader.player.apply(batch)
        reader.listen(*erasures(list(batch)))
        if at == begins_at:
            reader.begin(afresh=chance.random() < 0.5)
        for _ in range(chance.randint(0, 3)):
            reader.listen()
            some, reader.queue = reader.queue[:3], reader.queue[3:]
            heard += some
            if some and chance.random() < 0.3:
                chance.shuffle(some)  # as what was put off comes later
            reader.hear(*some, *(chance.sample(heard, 1) if heard else ()))
            if at >= begins_at and chance.random() < 0.2:
                reader.close()
                reader.restart()
                assert reader.last()["ended_at"] or not reader.begin(afresh=True), "one at a time"
    reader.player.come_to_rest()
    reader.finish()
    anew = reader.tables()
    assert reader.last()["is_whole"]

    reader = reader_of(owner)
    reader.listen(*erasures(sequence.messages))
    reader.finish()
    as_ever = reader.tables()
    # As ever, an escalation that comes late is kept, and shown to nobody.
    assert {**anew, "escalation": []} == {**as_ever, "escalation": []}


def test_every_kind_of_fact_that_is_kept_can_be_said_again() -> None:
    kept = {one for one in rebuilding.handlers_of(ConsoleService) if one is not contracts.FactsSaid}
    kinds = {get_args(field.annotation)[0] for field in contracts.FactSaid.model_fields.values()}
    assert kept <= kinds


def test_who_has_looked_at_a_need_is_among_what_is_filled_anew(
    reader_of: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_service, "ASKS", ("intake",))
    reader = reader_of("intake")
    sequences = (make("intake", CASES["intake"], seed=15, number=number) for number in count())
    for sequence in sequences:
        reader.player.play(sequence)
        if reader.player.rows("select from need where triaged_at is not null and person_id is not null"):
            break
    reader.listen()
    reader.finish()
    before = reader.tables()
    assert before["triage"]
    reader.begin(afresh=True)
    assert reader.tables()["triage"] == []
    reader.finish()
    assert reader.tables() == before


def test_what_nobody_answers_is_asked_for_again_and_a_page_that_comes_twice_is_kept_once(
    reader_of: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_service, "ASKS", ("referrals",))
    monkeypatch.setattr(saying, "FACTS_AT_ONCE", 2)
    reader = reader_of("referrals")
    several = (make("referrals", CASES["referrals"], seed=13, number=number) for number in count())
    for sequence in several:
        reader.player.play(sequence)
        if len(reader.player.rows("select from fact")) > 4:
            break
    reader.listen()
    reader.finish()
    before = reader.tables()

    reader.begin(afresh=True)
    reader.listen()
    first = reader.queue.copy()
    reader.hear(*first, lost=True)  # the process is ended before its next question is out, and the broker loses it
    reader.queue.clear()
    reader.tick()
    reader.listen()
    assert not reader.queue, "within a minute nobody is asked twice"
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=61))
    reader.tick()
    reader.listen()
    again = contracts.parse(reader.queue[0])
    assert again.data.page == 2
    reader.hear(reader.queue[0])
    other = again.model_copy(update={"id": contracts.uuid7()})
    reader.hear(other.to_json(), *first)
    reader.queue.clear()
    reader.finish()
    assert reader.tables() == before
    (part,) = reader.last()["parts"]
    assert part["ended_at"]
    assert part["facts"] == sum(len(before[one]) for one in ("service",)) + len(reader.player.rows("select from fact"))


def test_a_page_for_another_reader_is_no_news(reader_of: Callable[[str], Reader]) -> None:
    reader = reader_of("referrals")
    reader.player.begin()
    reader.begin(afresh=False)
    reader.listen()
    asked = contracts.parse(reader.queue[0]).data
    said = contracts.FactsSaid(rebuild_id=asked.rebuild_id, reader="reports", service="referrals", page=1)
    draft = contracts.Draft(said, subject=str(said.rebuild_id))
    reader.hear(contracts.stamp(draft, source="hub", time=NOW).to_json())
    assert not any(part["ended_at"] for part in reader.last()["parts"])


BACKFILL = next((SERVICES / "referrals" / "migrations").glob("0018_*.sql")).read_text().partition("insert into fact")


@pytest.mark.parametrize("number", range(SEQUENCES))
def test_what_was_told_before_it_was_kept_is_said_again_as_far_as_history_knows_it(
    reader_of: Callable[[str], Reader], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(console_service, "ASKS", ("referrals",))
    reader = reader_of("referrals")
    sequence = make("referrals", CASES["referrals"], seed=14, number=number)
    reader.player.play(sequence)
    reader.listen(*erasures(sequence.messages))
    reader.finish()
    before = reader.kept.tables()
    with database.connect(reader.player.url) as connection:  # as the migration finds and leaves it
        connection.execute("delete from fact")
        connection.execute("".join(BACKFILL[1:]).encode())
        connection.commit()

    reader.begin(afresh=True)
    reader.finish()
    after = reader.kept.tables()
    assert reader.last()["is_whole"]
    for table in ("referral", "service"):
        assert sorted(map(repr, after[table])) == sorted(map(repr, before[table]))
    for table in ("step", "event"):
        known = [{**row, "details": None} for row in after[table]]
        had = [{**row, "details": None} for row in before[table]]
        lost = [row for row in had if row not in known]
        assert not [row for row in known if row not in had]
        assert all(row["what"] == "alternatives_suggested" for row in lost), "history has not what went with a decline"


def test_nobody_is_chased_for_what_has_moved_on_when_an_escalation_is_said_again(
    reader_of: Callable[[str], Reader],
) -> None:
    reader = reader_of("referrals")
    reader.player.begin()
    reader.begin(afresh=False)
    reader.listen()
    page = contracts.parse(reader.queue[0])
    moved = referred("p", referral_id=an_id("p"), changed_at=HELD_AT + timedelta(hours=2))
    event = noted("p", referral_id=an_id("p"), noted_at=HELD_AT + timedelta(hours=1))
    reader.hear(says(moved, number=3).to_json())
    said = page.data.model_copy(update={"facts": (contracts.FactSaid(referral_noted=event),)})
    reader.hear(page.model_copy(update={"data": said}).to_json())
    tables = reader.kept.tables()
    assert len(tables["event"]) == 1
    assert tables["escalation"] == []
