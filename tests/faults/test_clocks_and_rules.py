"""No rule of any service refuses for good by a clock that is wrong: every handler's own message is tried with each.

The cases are those that every handler has to have (tests/services/outcomes), so no new rule can be forgotten.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Final

import pytest

import contracts
from contracts import codes
from deploy.local import Stack
from messaging import clock, inbox
from messaging.clocks import Clocks
from tests.examples import DAY, NOW, referral_requested
from tests.examples_events import jornada_held, jornada_reported
from tests.services.databases import make_tables
from tests.services.network import SERVICES
from tests.services.outcomes.cases import DONE, Said
from tests.services.outcomes.of_events import CONFIRMED, ours
from tests.services.outcomes.of_referrals import PUBLISHED, WITH_CONSENT
from tests.services.outcomes.stage import ACT, Scene, Stage
from tests.services.outcomes.surroundings import CASES, folder_of, surroundings

ASKED_SOON: Final = referral_requested(answer_by=NOW + DAY)
LIFE_AT_RISK: Final = contracts.ConsentOverride(
    authorised_by="R-17", reason=next(iter(codes.OverrideReason)), expires_after_hours=1
)
# What the handlers' own cases do not say.
BESIDES: Final[dict[str, list[tuple[Sequence[Said], Said]]]] = {
    "referrals": [
        (WITH_CONSENT, Said(ASKED_SOON)),
        (PUBLISHED, Said(referral_requested(consent_id=None, override=LIFE_AT_RISK))),
    ]
}
RIGHT, SLOW, FAST = "right", "slow", "fast"
WRONG: Final = {RIGHT: 0 * DAY, SLOW: -800 * DAY, FAST: 800 * DAY}  # longer than anything lasts in the examples

# All codes by which something is refused for its time: where nobody compares, that befalls right messages.
REFUSED_FOR_GOOD: Final[dict[tuple[str, str], set[str]]] = {
    ("intake", SLOW): {"said_in_the_future", "received_in_the_future", "taken_in_the_future"},
    ("intake", FAST): {"consent_expired"},
    ("referrals", SLOW): {"said_in_the_future", "stated_in_the_future"},
    ("referrals", FAST): {"answer_by_passed", "consent_expired", "deadline_not_later", "override_expired"},
    ("events", SLOW): {"said_in_the_future", "in_the_future"},
    ("employment", SLOW): {"said_in_the_future"},
    ("reports", SLOW): {"said_in_the_future"},
}
REFUSALS: Final = """
    select body::jsonb #>> '{data,code}' as code from outbox
    where body::jsonb ->> 'type' like any ('{message.refused.%,need.not_referred.%}')
"""


class Told(Clocks):
    """What a test says of other clocks."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead: list[timedelta] = []

    def others(self) -> list[timedelta]:
        return self.ahead


class Machine(Stage):
    """A service on a machine whose clock a test sets, and which may know of it."""

    def __init__(self, service: str, url: str, patch: pytest.MonkeyPatch) -> None:
        super().__init__(SERVICES[service], url)
        self.service = service
        self._clocks = self._runtime._clocks = Told()
        self._patch = patch
        cases = [(case.before, case.done) for case in CASES[service]]
        self.scenes = [Scene(act, before) for before, act in chain(cases, BESIDES.get(service, ()))]
        for number, scene in enumerate(self.scenes):
            scene.number = number

    def set_clock(self, clock_is: str, *, known: bool) -> None:
        wrong = WRONG[clock_is]
        self._patch.setattr(clock, "machine_now", lambda: NOW + wrong)
        self._clocks.ahead = [-wrong] if wrong and known else []

    def lead_up(self) -> list[str]:
        """Let all that comes before be said, by a clock that is right; return what is the matter with it."""
        self.set_clock(RIGHT, known=True)
        self._lead_up([(scene, scene.before) for scene in self.scenes])
        return [one for scene in self.scenes for one in scene.complaints]

    def say(self) -> None:
        for scene in self.scenes:
            scene.messages[ACT] = scene.message(scene.act)
        self._apply(scene.messages[ACT] for scene in self.scenes)

    def a_jornada_is_held(self) -> Scene:
        """The scene of a jornada, of which is about to be said, by a clock that is right, that it was held."""
        scene = Scene(ours(jornada_held()), CONFIRMED)
        scene.number, self.scenes = 0, [scene]
        assert self.lead_up() == []
        return scene

    def take_in(self, *batch: contracts.Message) -> None:
        self._apply(batch)

    def fates_of(self, *messages: contracts.Message) -> list[str]:
        look = self._look()
        return [look.fate(one.id) for one in messages]

    def try_now(self, message: contracts.Message) -> None:
        """Let a message that waits be tried, whatever clocks say."""
        self._connection.execute("update parked set next_attempt_at = '-infinity' where message_id = %s", (message.id,))
        self._connection.commit()
        self._retry()

    def go_on(self) -> None:
        """Do what a process does once it has seen that the clocks agree."""
        inbox.clocks_agree(self._connection)
        self._connection.commit()
        self._retry()

    def refused(self) -> set[str]:
        """The codes by which anything was refused, as a whole or in parts."""
        rows = self._connection.execute(REFUSALS).fetchall()
        self._connection.rollback()
        return {row["code"] for row in rows}

    def fates(self) -> list[str]:
        """What has become of the messages."""
        look = self._look()
        return [look.fate(scene.messages[ACT].id) for scene in self.scenes]


@pytest.fixture
def patch(tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    now = clock.now
    with surroundings(tmp_path), pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", now)  # it stands still in the surroundings
        yield patch


@pytest.fixture
def machine(request: pytest.FixtureRequest, stack: Stack, patch: pytest.MonkeyPatch) -> Iterator[Machine]:
    service = request.param
    stack.drop_database(f"clocks_{service}")
    url = stack.create_database(f"clocks_{service}")
    make_tables(url, folder_of(service))
    machine = Machine(service, url, patch)
    yield machine
    machine.close()


@pytest.mark.parametrize("clock_is", [SLOW, FAST])
@pytest.mark.parametrize("machine", CASES, indirect=True)
def test_what_a_right_clock_lets_pass_a_wrong_one_lets_wait_and_then_it_is_done(
    machine: Machine, clock_is: str
) -> None:
    assert machine.lead_up() == []

    machine.set_clock(clock_is, known=True)
    machine.say()

    may_wait = (machine.service, clock_is) in REFUSED_FOR_GOOD
    assert set(machine.fates()) == ({DONE, "out of order: clocks_apart"} if may_wait else {DONE})
    machine.set_clock(RIGHT, known=True)
    machine.go_on()
    assert set(machine.fates()) == {DONE}
    assert machine.refused() == set()


@pytest.mark.parametrize("clock_is", [SLOW, FAST])
@pytest.mark.parametrize("machine", CASES, indirect=True)
def test_where_nobody_compares_it_is_refused_for_good(machine: Machine, clock_is: str) -> None:
    assert machine.lead_up() == []

    machine.set_clock(clock_is, known=False)
    machine.say()

    assert machine.refused() == REFUSED_FOR_GOOD.get((machine.service, clock_is), set())


UNCLEAR = "out of order: clocks_apart"


@pytest.mark.parametrize("machine", ["events"], indirect=True)
@pytest.mark.parametrize("comes", ["in the same batch", "later", "when clocks agree"])
def test_what_waits_for_the_clocks_is_not_overtaken_by_what_is_said_of_the_same_jornada(
    machine: Machine, comes: str
) -> None:
    scene = machine.a_jornada_is_held()
    held, reported = scene.message(scene.act), scene.message(ours(jornada_reported()))

    machine.set_clock(SLOW, known=True)
    if comes == "in the same batch":
        machine.take_in(held, reported)
    else:
        machine.take_in(held)
        machine.set_clock(RIGHT if comes == "when clocks agree" else SLOW, known=True)
        machine.take_in(reported)

    assert machine.fates_of(held, reported) == [UNCLEAR, UNCLEAR]
    machine.try_now(reported)
    assert machine.fates_of(held, reported) == [UNCLEAR, UNCLEAR]
    machine.set_clock(RIGHT, known=True)
    machine.go_on()
    assert machine.fates_of(held, reported) == [DONE, DONE]
    assert machine.refused() == set()


@pytest.mark.parametrize("machine", ["referrals"], indirect=True)
def test_for_the_clocks_any_number_of_one_senders_messages_wait(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.lead_up() == []
    monkeypatch.setattr(inbox, "OUT_OF_ORDER_OF_ONE_SENDER", 0)

    machine.set_clock(SLOW, known=True)
    machine.say()

    assert set(machine.fates()) == {DONE, UNCLEAR}


@pytest.mark.parametrize("machine", ["events"], indirect=True)
def test_what_waits_for_the_clocks_takes_no_room_from_what_is_out_of_order(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, unknown = machine.a_jornada_is_held(), Scene(ours(jornada_reported()), number=1)
    monkeypatch.setattr(inbox, "OUT_OF_ORDER_OF_ONE_SENDER", 1)
    machine.set_clock(SLOW, known=True)
    machine.take_in(scene.message(scene.act))

    machine.set_clock(RIGHT, known=True)
    machine.take_in(out_of_order := unknown.message(unknown.act), refused := unknown.message(unknown.act))

    assert machine.fates_of(out_of_order, refused) == ["out of order: jornada_unknown", "refused: too_many_early"]
