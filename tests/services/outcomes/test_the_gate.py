"""The gate is tried on a made-up service: nothing is said of it as it should be, and every fault planted is found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

import contracts
from contracts import Draft
from deploy.local import Stack
from messaging.migrate import migrate
from messaging.on import on
from messaging.transaction import Transaction
from services.employment import rules
from tests.examples import ANOTHER
from tests.examples_employment import OURS, employer_registered, vacancy_closed, vacancy_opened
from tests.services.outcomes.cases import Again, Case, NeverOutOfOrder, NeverRefused, Refused, Said, without_case
from tests.services.outcomes.judging import judge
from tests.services.outcomes.stage import Stage

TABLES: Final = """
    create table employer (employer_id uuid primary key, organisation text not null);
    create table vacancy (vacancy_id uuid primary key, employer_id uuid not null);
"""
OWNER: Final = "select organisation from employer where employer_id = %s"
REGISTER: Final = "insert into employer values (%s, %s) on conflict do nothing returning employer_id"
OPEN: Final = "insert into vacancy values (%s, %s) on conflict do nothing returning vacancy_id"
RENAME: Final = "update employer set organisation = organisation || '-again' where employer_id = %s"
OPEN_AT_ANY_COST: Final = "insert into vacancy values (%s, %s)"


class MadeUp:
    """Employers and their vacancies, in as little as that takes."""

    @on(contracts.EmployerRegistered)
    def register(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        if not tx.fetch(REGISTER, (message.data.employer_id, message.source)):
            raise rules.Refused("already_registered")
        return []

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        said = message.data
        owner = tx.fetch(OWNER, (said.employer_id,))
        if not owner:
            raise rules.MissingPrerequisite("employer", str(said.employer_id))
        if owner[0]["organisation"] != message.source:
            raise rules.Refused("employer_of_another")
        if not tx.fetch(OPEN, (said.vacancy_id, said.employer_id)):
            raise rules.Refused("already_opened")
        return []


REGISTERED: Final = Said(employer_registered(), by=OURS)
OPENED: Final = Said(vacancy_opened(), by=OURS)

OF_EMPLOYER: Final = Case(
    done=REGISTERED,
    refused=Refused("already_registered", Said(employer_registered(), by=ANOTHER), [REGISTERED]),
    again="already_registered",
    out_of_order=NeverOutOfOrder("it begins with this"),
)
OF_VACANCY: Final = Case(
    before=[REGISTERED],
    done=OPENED,
    refused=Refused("employer_of_another", Said(vacancy_opened(), by=ANOTHER), [REGISTERED]),
    again="already_opened",
    out_of_order="employer_unknown",
)
CASES: Final = [OF_EMPLOYER, OF_VACANCY]

# ---------------------------------------------------------------------------------------------------------------------
# Handlers that lack an outcome
# ---------------------------------------------------------------------------------------------------------------------


class Crashes(MadeUp):
    """Nobody has thought of a vacancy that comes before its employer."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        tx.fetch(OWNER, (message.data.employer_id,))[0]
        return super().open_vacancy(tx, message)


class NeverWaits(MadeUp):
    """A vacancy is opened, whether its employer is known or not."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        if not tx.fetch(OWNER, (message.data.employer_id,)):
            tx.fetch(OPEN, (message.data.vacancy_id, message.data.employer_id))
            return []
        return super().open_vacancy(tx, message)


class WaitsForItself(MadeUp):
    """What comes does not wake it: it waits under its own id."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        try:
            return super().open_vacancy(tx, message)
        except rules.MissingPrerequisite as out_of_order:
            raise rules.MissingPrerequisite("employer", str(message.data.vacancy_id)) from out_of_order


class WaitsForEver(MadeUp):
    """It waits, and is refused when all has come."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        if tx.fetch("select 1 from inbox where message_id = %s and received_at < now()", (message.id,)):
            raise rules.Refused("too_late")
        return super().open_vacancy(tx, message)


class LetsAnybody(MadeUp):
    """Whoever says it is believed."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        owner = tx.fetch(OWNER, (message.data.employer_id,))
        by = owner[0]["organisation"] if owner else message.source
        return super().open_vacancy(tx, message.model_copy(update={"source": by}))


class PassesOver(MadeUp):
    """What cannot be is passed over in silence."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        try:
            return super().open_vacancy(tx, message)
        except rules.Refused:
            return []


class DoesNothing(MadeUp):
    """It says that it is done."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        return []


class CrashesAgain(MadeUp):
    """Nobody has thought of a vacancy that is opened twice."""

    @on(contracts.VacancyOpened)
    def open_vacancy(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        tx.fetch(OPEN_AT_ANY_COST, (message.data.vacancy_id, message.data.employer_id))
        return []


class ChangesAgain(MadeUp):
    """What is said again is taken for something new."""

    @on(contracts.EmployerRegistered)
    def register(self, tx: Transaction, message: Any) -> Sequence[Draft]:
        if not tx.fetch(REGISTER, (message.data.employer_id, message.source)):
            tx.fetch(RENAME, (message.data.employer_id,))
        return []


# Of each: the service, the case that it breaks or that is no more than a label, and what the gate says.
PLANTED: Final[dict[str, tuple[type, Case, str]]] = {
    "it crashes, not waits": (
        Crashes,
        OF_VACANCY,
        "out of order: before all that it needs is failed: IndexError",
    ),
    "it does not wait": (NeverWaits, OF_VACANCY, "out of order: before all that it needs is done, not out of order"),
    "it waits for what does not come": (WaitsForItself, OF_VACANCY, "out of order: waits for what nothing"),
    "in vain": (
        WaitsForEver,
        OF_VACANCY,
        "out of order: is refused: too_late when all that it needs has come",
    ),
    "it refuses nobody": (LetsAnybody, OF_VACANCY, "refused: is done, not refused: employer_of_another"),
    "it passes over what it should refuse": (PassesOver, OF_VACANCY, "repeated: said again is done, not refused"),
    "it does nothing": (DoesNothing, OF_VACANCY, "done: is done without any effect"),
    "it crashes when told again": (CrashesAgain, OF_VACANCY, "repeated: said again is failed: UniqueViolation[23505]"),
    "it does again what was done": (
        ChangesAgain,
        replace(
            OF_EMPLOYER,
            refused=NeverRefused("anybody may", Said(employer_registered(), by=ANOTHER)),
            again=Again.CHANGES_NOTHING,
        ),
        "repeated: said again changes something",
    ),
    "a case says that it changes what it leaves": (
        MadeUp,
        replace(OF_EMPLOYER, again=Again.IS_ANOTHER),
        "repeated: said again is refused: already_registered, not done",
    ),
    "a case has another code": (
        MadeUp,
        replace(OF_VACANCY, refused=Refused("not_yours", Said(vacancy_opened(), by=ANOTHER), [REGISTERED])),
        "refused: is refused: employer_of_another, not refused: not_yours",
    ),
    "a case calls what is refused never so": (
        MadeUp,
        replace(OF_VACANCY, refused=NeverRefused("nobody is", Said(vacancy_opened(), by=ANOTHER))),
        "refused: is refused: employer_of_another, though it is said to refuse nothing",
    ),
    "a case calls what waits never out of order": (
        MadeUp,
        replace(OF_VACANCY, out_of_order=NeverOutOfOrder("it begins with this")),
        "out of order: on its own is out of order: employer_unknown, not done",
    ),
    "a case leaves out what comes before": (
        MadeUp,
        replace(OF_VACANCY, before=()),
        "done: is out of order: employer_unknown, not done",
    ),
    "what comes before a case does not hold": (
        MadeUp,
        replace(OF_VACANCY, before=[REGISTERED, REGISTERED]),
        "done: employer.registered.v1, which it needs, is refused: already_registered",
    ),
}


@pytest.fixture(scope="module")
def made_up(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of the made-up service."""
    folder: Path = tmp_path_factory.mktemp("made_up")
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001_employers_have_vacancies.sql").write_text(TABLES)
    url = stack.create_database("outcomes_made_up")
    migrate(url, folder)
    return url


def complaints(service: type, cases: list[Case], url: str, *, first: int) -> list[str]:
    """What the gate says of a service."""
    stage = Stage(service, url, first=first)
    try:
        return judge(cases, stage.play(cases))
    finally:
        stage.close()


def test_of_a_service_with_every_outcome_nothing_is_said(made_up: str) -> None:
    assert without_case(MadeUp, CASES) == []
    assert complaints(MadeUp, CASES, made_up, first=0) == []


@pytest.mark.parametrize("fault", PLANTED)
def test_a_handler_that_lacks_an_outcome_is_found(made_up: str, fault: str) -> None:
    service, case, said = PLANTED[fault]
    first = 10 * (1 + list(PLANTED).index(fault))
    found = complaints(service, [case], made_up, first=first)
    assert any(one.startswith(f"{case.done.of.__name__}, {said}") for one in found), found


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ([OF_EMPLOYER], "VacancyOpened has no case"),
        ([*CASES, OF_VACANCY], "VacancyOpened has 2 cases"),
        ([*CASES, replace(OF_VACANCY, done=Said(vacancy_closed(), by=OURS))], "VacancyClosed is handled by nobody"),
        ([OF_EMPLOYER, replace(OF_VACANCY, refused=OF_EMPLOYER.refused)], "VacancyOpened is said to be refused"),
    ],
)
def test_a_handler_without_a_case_of_its_own_is_found(cases: list[Case], said: str) -> None:
    assert any(one.startswith(said) for one in without_case(MadeUp, cases))
