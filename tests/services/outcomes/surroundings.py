"""The outcome cases of every service, and what the services find around them when they are played."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from messaging import clock
from services.intake import service as intake_service
from tests.examples import NOW, write_directory
from tests.services.network import ROOT
from tests.services.outcomes import of_employment, of_events, of_intake, of_referrals, of_reports
from tests.services.outcomes.cases import Case

CASES: Final[Mapping[str, Sequence[Case]]] = {
    "intake": of_intake.CASES,
    "referrals": of_referrals.CASES,
    "events": of_events.CASES,
    "employment": of_employment.CASES,
    "reports": of_reports.CASES,
}

SEQUENCED: Final[Mapping[str, Sequence[Case]]] = {
    **CASES,
    "referrals": [*CASES["referrals"], *of_referrals.MEETS_OTHERS],
}
"""The same with what moves what other cases have left: sequences let them meet."""


def folder_of(service: str) -> Path:
    """Where a service is."""
    return ROOT / ("hub" if service == "reports" else "services") / service


@contextmanager
def surroundings(directory: Path) -> Iterator[None]:
    """A clock that stands still, and keys; `directory` takes the file of the organisations' keys."""
    file = write_directory(directory / "directory.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NOW)
        patch.setattr(intake_service, "hub_key", lambda: of_intake.HUB_KEY)
        patch.setattr(intake_service, "receipt_secret", lambda: of_intake.RECEIPT_SECRET)
        patch.setenv("RUTA_DIRECTORY_FILE", str(file))
        yield
