"""Every handler of every service does its message, refuses it, passes over a repeat, and waits where it is too early.

What a case promises is looked for in the database after the service's real runtime has handled the messages. A handler
that cannot refuse, or that nothing has to come before, says so in its case with the reason, and that is tried as well.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pytest

from contracts import sealing
from deploy.local import Stack
from messaging import clock
from messaging.migrate import migrate
from services.intake import service as intake_service
from services.referrals import service as referrals_service
from tests.examples import COORDINATOR, NOW, RECIPIENT, SENDER
from tests.services.network import ROOT, SERVICES
from tests.services.outcomes import of_employment, of_events, of_intake, of_referrals, of_reports
from tests.services.outcomes.cases import Case, without_case
from tests.services.outcomes.judging import JUDGES
from tests.services.outcomes.stage import Played, Stage

CASES: Final[Mapping[str, Sequence[Case]]] = {
    "intake": of_intake.CASES,
    "referrals": of_referrals.CASES,
    "events": of_events.CASES,
    "employment": of_employment.CASES,
    "reports": of_reports.CASES,
}


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the services find around them: a clock that stands still, a coordinator, and keys."""
    keys = {name: {"name": name, "public_key": sealing.public_part(sealing.new_key())} for name in (SENDER, RECIPIENT)}
    directory = tmp_path_factory.mktemp("outcomes") / "directory.json"
    directory.write_text(json.dumps({"organisations": keys}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        patch.setattr(intake_service, "hub_key", lambda: of_intake.HUB_KEY)
        patch.setattr(intake_service, "receipt_secret", lambda: of_intake.RECEIPT_SECRET)
        patch.setattr(intake_service, "COORDINATORS", frozenset({COORDINATOR}))
        patch.setattr(referrals_service, "COORDINATORS", frozenset({COORDINATOR}))
        patch.setenv("RUTA_DIRECTORY_FILE", str(directory))
        yield


@pytest.fixture(scope="module")
def played(surroundings: None, stack: Stack) -> Mapping[str, Sequence[Played]]:
    """What was seen of every case, by service."""
    return {name: play(name, stack) for name in CASES}


def play(name: str, stack: Stack) -> Sequence[Played]:
    """Play all the cases of a service on a database of its own."""
    url = stack.create_database(f"outcomes_{name}")
    migrate(url, ROOT / ("hub" if name == "reports" else "services") / name)
    stage = Stage(*SERVICES[name], url)
    try:
        return stage.play(CASES[name])
    finally:
        stage.close()


def test_every_service_has_its_cases() -> None:
    assert CASES.keys() == SERVICES.keys()


@pytest.mark.parametrize("service", CASES)
def test_every_handler_has_its_case(service: str) -> None:
    assert without_case(SERVICES[service][0], CASES[service]) == []


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
