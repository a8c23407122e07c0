"""Every handler of every service does its message, refuses it, drops a repeat, and waits where it is out of order.

What a case promises is looked for in the database after the service's real runtime has handled the messages. A handler
that cannot refuse, or that nothing has to come before, says so in its case with the reason, and that is tried as well.
"""

from collections.abc import Iterator, Mapping, Sequence

import pytest

from deploy.local import Stack
from tests.services.databases import make_tables
from tests.services.network import SERVICES
from tests.services.outcomes.cases import without_case
from tests.services.outcomes.judging import JUDGES
from tests.services.outcomes.stage import Played, Stage
from tests.services.outcomes.surroundings import CASES, folder_of, surroundings


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the services find around them."""
    with surroundings(tmp_path_factory.mktemp("outcomes")):
        yield


@pytest.fixture(scope="module")
def played(around: None, stack: Stack) -> Mapping[str, Sequence[Played]]:
    """What was seen of every case, by service."""
    return {name: play(name, stack) for name in CASES}


def play(name: str, stack: Stack) -> Sequence[Played]:
    """Play all the cases of a service on a database of its own."""
    url = stack.create_database(f"outcomes_{name}")
    make_tables(url, folder_of(name))
    stage = Stage(SERVICES[name], url)
    try:
        return stage.play(CASES[name])
    finally:
        stage.close()


def test_every_service_has_its_cases() -> None:
    assert CASES.keys() == SERVICES.keys()


@pytest.mark.parametrize("service", CASES)
def test_every_handler_has_its_case(service: str) -> None:
    assert without_case(SERVICES[service], CASES[service]) == []


@pytest.mark.parametrize("outcome", JUDGES)
@pytest.mark.parametrize(
    ("service", "place"),
    [(service, place) for service, cases in CASES.items() for place in range(len(cases))],
    ids=[f"{service}-{case.done.of.__name__}" for service, cases in CASES.items() for case in cases],
)
def test_a_handler_has_each_of_its_outcomes(
    played: Mapping[str, Sequence[Played]], service: str, place: int, outcome: str
) -> None:
    assert list(JUDGES[outcome](CASES[service][place], played[service][place])) == []
