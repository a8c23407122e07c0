"""How often a batch waits for its database: as often as it takes for one message, and not once for each.

Every batch here is of 250 messages, each about people and things of its own, on a service's real runtime.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import pytest

import contracts
from bench.waits import waits
from contracts import Message
from deploy.local import Stack
from messaging import database
from messaging.on import BATCH
from messaging.runtime import Delivery
from tests.services.databases import make_tables
from tests.services.network import SERVICES
from tests.services.outcomes.cases import Case
from tests.services.outcomes.stage import Scene, Stage
from tests.services.outcomes.surroundings import CASES, folder_of, surroundings
from tests.services.sequences.emptying import Emptied

OF_ONE_KIND, OF_ALL_KINDS = 6, 13  # waits at most
OF_TWO_IN_ONE = 8  # a redirection ends a referral and sends another, and asks what is open beside that

# What people act on once in a while; each waits for every message.
RARE: Final = {
    "intake": {
        "MatchLinked", "MatchRejected", "MatchUndone", "RightsAnswered", "RightsExtended", "RightsRequested",
        "ConsentWithdrawnByReceipt", "RouteRuleSet", "OrganisationRecorded", "FactsAsked",
    },
    # Which consent a note is under, its referral has to say first.
    "referrals": {"PersonErased", "OrganisationRecorded", "ReferralNoteAdded", "FactsAsked", "ConsoleWasAway"},
    "events": {"PersonErased"},
    "employment": {"PersonErased", "ReferralReminder", "OrganisationRecorded"},
    "reports": set[str](),
}  # fmt: skip

HOT: Final = [
    (service, place)
    for service, cases in CASES.items()
    for place, case in enumerate(cases)
    if case.done.of.__name__ not in RARE[service]
]


class Counted:
    """A service on a database of its own, and what its batches have cost."""

    def __init__(self, service: str, stack: Stack) -> None:
        stack.drop_database(f"waits_{service}")
        url = stack.create_database(f"waits_{service}")
        make_tables(url, folder_of(service))
        self.stage, self._scenes = Stage(SERVICES[service], url), 0
        self._name, self._stack = f"waits_{service}", stack
        self._administrator = database.connect(url)
        self._administrator.autocommit = True
        self._emptied = Emptied(self._administrator)

    def close(self) -> None:
        self.stage.close()
        self._administrator.close()
        self._stack.drop_database(self._name)

    def empty(self) -> None:
        """Begin anew, so that looking at what became of messages does not take longer each time."""
        self._emptied.empty()

    def lead_up(self, case: Case, number: int) -> list[Message[Any]]:
        """Let everything be said that has to come before a message, so many times; return as many of the message."""
        scenes = [Scene(case.done, case.before, number=self._scenes + place) for place in range(number)]
        self._scenes += number
        self.stage._lead_up([(scene, scene.before) for scene in scenes])
        assert [scene.complaints for scene in scenes if scene.complaints] == []
        return [scene.message(scene.act) for scene in scenes]

    def apply(self, messages: Sequence[Message[Any]]) -> tuple[int, int]:
        """Apply one batch, of which everything is done; return how often it waited, and its savepoints."""
        runtime, savepoints = self.stage._runtime, 0
        connection, _ = runtime._ready()
        execute = connection.execute

        def counting(query: Any, *arguments: Any, **more: Any) -> Any:
            nonlocal savepoints
            savepoints += str(query).startswith("savepoint")
            return execute(query, *arguments, **more)

        connection.execute = counting  # type: ignore[method-assign]
        deliveries = [Delivery(tag, one.to_json(), redelivered=False) for tag, one in enumerate(messages)]
        with waits(connection) as counted:
            runtime.apply(self.stage._service, deliveries)
        del connection.execute
        look = self.stage._look()
        assert {look.fate(one.id) for one in messages} == {"done"}
        return counted.number, savepoints


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Iterator[Callable[[str], Counted]]:
    made: dict[str, Counted] = {}

    def of(service: str) -> Counted:
        if service not in made:
            made[service] = Counted(service, stack)
        return made[service]

    with surroundings(tmp_path_factory.mktemp("waits")):
        yield of
    for one in made.values():
        one.close()


@pytest.mark.parametrize(
    ("service", "place"), HOT, ids=[f"{service}-{CASES[service][place].done.of.__name__}" for service, place in HOT]
)
def test_a_batch_of_one_kind_waits_as_often_as_one_message(
    counted: Callable[[str], Counted], service: str, place: int
) -> None:
    of = counted(service)
    of.empty()
    number, savepoints = of.apply(of.lead_up(CASES[service][place], BATCH))
    most = OF_TWO_IN_ONE if CASES[service][place].done.of is contracts.ReferralRedirected else OF_ONE_KIND
    assert (number <= most, savepoints) == (True, 0), f"{number} waits, {savepoints} savepoints"


def test_a_batch_of_everything_in_the_life_of_referrals_waits_a_dozen_times(
    counted: Callable[[str], Counted],
) -> None:
    of = counted("referrals")
    of.empty()
    cases = [case for case in CASES["referrals"] if case.done.of.__name__ not in RARE["referrals"]]
    batch = [one for case in cases for one in of.lead_up(case, BATCH // len(cases))]
    random.Random(1).shuffle(batch)  # noqa: S311 - no secret
    number, savepoints = of.apply(batch)
    assert (number <= OF_ALL_KINDS, savepoints) == (True, 0), f"{number} waits, {savepoints} savepoints"
