"""Whether a service is for a person, as far as what is known of the person can tell."""

from collections.abc import Set
from dataclasses import dataclass

from messaging.plausible import check_zones
from services.referrals.rules.directory import Eligibility

NOT_STATED = "not_stated"


@dataclass(frozen=True, slots=True)
class Seeker:
    """What is known of somebody who needs something: no more than a service may ask; None or empty is not known."""

    need_code: str
    urgency: str
    zone: str | None
    age: int | None = None
    sex: str | None = None
    profile: str | None = None
    nationality: str | None = None
    documents: Set[str] = frozenset()
    language: str | None = None


def check_seeker(seeker: Seeker) -> None:
    """Let somebody live only in a municipality that there is."""
    check_zones([seeker.zone])


@dataclass(frozen=True, slots=True)
class Verdict:
    """The criteria that a service asks for: those that the person meets, does not meet, and may or may not meet."""

    met: tuple[str, ...] = ()
    not_met: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def eligible(self) -> bool | None:
        """None: nothing speaks against it, and not enough is known to tell."""
        if self.not_met:
            return False
        return None if self.unknown else True


def check_eligibility(asked: Eligibility, seeker: Seeker) -> Verdict:
    """Hold what is known of a person against each criterion that a service asks for."""
    answers = {
        "age": _of_age(asked, seeker.age),
        "sex": _one_of(asked.sexes, None if seeker.sex == NOT_STATED else seeker.sex),
        "profile": _one_of(asked.profiles, seeker.profile),
        "nationality": _one_of(asked.nationalities, seeker.nationality),
        "documents": _any_of(asked.documents, seeker.documents),
        "residence": _one_of(asked.zones, seeker.zone),
    }
    return Verdict(
        met=tuple(criterion for criterion, answer in answers.items() if answer == "met"),
        not_met=tuple(criterion for criterion, answer in answers.items() if answer == "not_met"),
        unknown=tuple(criterion for criterion, answer in answers.items() if answer == "unknown"),
    )


def _of_age(asked: Eligibility, age: int | None) -> str | None:
    least, greatest = asked.minimum_age, asked.maximum_age
    if least is None and greatest is None:
        return None
    if age is None:
        return "unknown"
    return "met" if (least is None or least <= age) and (greatest is None or age <= greatest) else "not_met"


def _one_of(asked: Set[str], known: str | None) -> str | None:
    return _any_of(asked, frozenset() if known is None else {known})


def _any_of(asked: Set[str], known: Set[str]) -> str | None:
    if not asked:
        return None
    if not known:
        return "unknown"
    return "met" if asked & known else "not_met"
