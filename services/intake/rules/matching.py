"""Whether two registrations are of one person: a score that explains itself, after Fellegi and Sunter.

Each field of the two is compared in words (`same`, `swapped`, `one_missing` …). The table below says how often each
word is the answer for one person registered twice, for two relatives, and for two strangers. How likely it is that the
two are one person follows from those by Bayes' rule. Relatives stand beside strangers because twins share surnames,
birth date, telephone and address: against a stranger that proves much, against a twin nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from itertools import product
from math import log2
from typing import Final, NamedTuple
from uuid import UUID

import phonenumbers
from rapidfuzz.distance import OSA

from messaging.spelling import read_document_number
from services.intake.rules.links import Pair
from services.intake.rules.names import Names, compare_names, read_names
from services.intake.rules.people import Person

PROPOSED_FROM: Final = 0.5  # the score from which a coordinator is asked: rather one person than not
PAIRS_AT_ONCE: Final = 500  # that are compared; a tenth of a second or so, even of people with ten documents each
OPEN_AT_MOST: Final = 10  # of a person with one organisation's registrations, until coordinators have answered some
PEOPLE: Final = 25_000  # whom the network knows; one of them is who has just been registered: 24,942 were, as published
RELATIVES: Final = 2  # of a person, among them


class Chances(NamedTuple):
    """How often a comparison comes out like this, for pairs of which both registrations say something of the field."""

    one_person: float
    relatives: float
    strangers: float


# Where the chances come from. One person: counted in registrations with the mistakes that bench/matching/damage.py
# states, in other seeds than quality is measured with, and rounded. Strangers: for names counted there too (the seeded
# people have fewer names than real ones, so names prove less here than they could), else by arithmetic: a birth date is
# one of 365 in each of some 60 years, a document's number one of a million and more. Relatives: counted there; given
# names set higher, because families like to repeat a María or a José, and to rhyme the names of twins.
CHANCES: Final[Mapping[str, Mapping[str, Chances]]] = {
    "document": {
        "same": Chances(0.87, 0.001, 1e-6),  # for relatives: a child registered under a parent's number
        "same_number": Chances(0.055, 0.0005, 1e-6),  # with another type
        "near": Chances(0.06, 0.005, 2e-6),  # one slip of the hand
        "consecutive": Chances(0.001, 0.15, 2e-6),  # issued together, as twins' are
        "different": Chances(0.013, 0.84, 1.0),
    },
    "given_names": {
        "same": Chances(0.62, 0.004, 0.004),
        "swapped": Chances(0.002, 0.0005, 0.0001),
        "alike": Chances(0.17, 0.03, 0.0015),
        "one_missing": Chances(0.19, 0.03, 0.01),
        "one_shared": Chances(0.005, 0.2, 0.01),  # María José and María Fernanda
        "different": Chances(0.01, 0.73, 0.97),
    },
    "family_names": {
        "same": Chances(0.48, 0.32, 0.0005),
        "swapped": Chances(0.04, 0.02, 0.0002),
        "alike": Chances(0.21, 0.13, 0.0003),
        "one_missing": Chances(0.24, 0.26, 0.007),
        "one_shared": Chances(0.02, 0.26, 0.04),
        "different": Chances(0.01, 0.01, 0.95),
    },
    "birth_date": {
        "same": Chances(0.87, 0.025, 6e-5),
        "swapped": Chances(0.012, 0.0005, 1e-5),  # day and month
        "year_differs": Chances(0.03, 0.002, 0.0006),  # by one, or in one digit; same day and month
        "year_only": Chances(0.04, 0.002, 0.0006),  # one of them is 1 January, as where the day is not known
        "near": Chances(0.03, 0.002, 0.0015),  # the day or the month differs
        "different": Chances(0.018, 0.97, 1.0),
        "age_agrees": Chances(0.98, 0.1, 0.055),  # one has only an age
        "age_differs": Chances(0.02, 0.9, 0.945),
    },
    "phone": {
        "same": Chances(0.55, 0.55, 1e-4),  # for strangers: the telephone of a shelter, of a neighbour
        "different": Chances(0.45, 0.45, 1.0),
    },
    "sex": {
        "same": Chances(0.99, 0.5, 0.5),
        "different": Chances(0.01, 0.5, 0.5),
    },
    "nationality": {
        "same": Chances(0.96, 0.85, 0.5),
        "different": Chances(0.04, 0.15, 0.5),
    },
}

# Names alone are never reason enough, be they ever so rare: one of these has to speak for it too.
BEYOND_NAMES: Final = frozenset({"document", "birth_date", "phone"})

REISSUED: Final = frozenset({"PA", "PE"})  # documents that come with another number when they are renewed
ISSUED_TOGETHER: Final = 9  # how far apart the numbers of documents issued on one occasion are
PHONES_REMEMBERED: Final = 50_000


@dataclass(frozen=True, slots=True, repr=False)
class Traits:
    """What the matching compares of a registration; never printed."""

    person_id: UUID
    registered_by: str
    given: Names
    family: Names
    documents: tuple[tuple[str, str], ...]  # type, and number without punctuation
    birth_date: date | None
    birth_years: tuple[int, int] | None  # the first and the last that are possible
    phone: str | None
    sex: str | None
    nationality: str | None

    def __repr__(self) -> str:
        return f"<Traits {self.person_id}>"


class Reason(NamedTuple):
    """How one field compares, and what that weighs, in bits, against the likelier of relatives and strangers."""

    field: str
    comparison: str
    weight: float


class Likeness(NamedTuple):
    """How likely two registrations are of one person (0 to 1), and why; the weightiest reason first."""

    score: float
    reasons: tuple[Reason, ...]

    @property
    def is_proposed(self) -> bool:
        """Whether a coordinator is asked."""
        return self.score >= PROPOSED_FROM and any(
            field in BEYOND_NAMES and weight(field, comparison, "strangers") > 0
            for field, comparison, _ in self.reasons
        )


class Proposal(NamedTuple):
    """Two registrations about which a coordinator is asked."""

    pair: Pair
    likeness: Likeness


class Asked(NamedTuple):
    """What coordinators have been asked of some people before."""

    known: Set[Pair]  # of these they have been asked, or have decided
    open: Mapping[tuple[UUID, str], int]  # by person and the other's organisation: how many they have not answered


class Chosen(NamedTuple):
    """What coordinators are asked about, and of how many registrations more each person waits to be asked about."""

    proposals: list[Proposal]
    held_back: Counter[UUID]


def who_fits(waiting: Iterable[UUID], pairs: Set[Pair], *, most: int = PAIRS_AT_ONCE) -> list[UUID]:
    """Return those, from the first on, whose pairs are not too many to compare at once; the first of all always fits.

    Who was made to have keys in common with everybody blocks those behind them for a round, and nobody for ever.
    """
    of_each = Counter(one for pair in pairs for one in pair)
    fitting: list[UUID] = []
    compared = 0
    for one in waiting:
        compared += of_each[one]
        if fitting and compared > most:
            break
        fitting.append(one)
    return fitting


def propose(pairs: Iterable[Pair], traits: Mapping[UUID, Traits]) -> list[Proposal]:
    """Compare pairs of registrations and return those that are alike enough to ask."""
    compared = (Proposal(pair, compare(traits[pair[0]], traits[pair[1]])) for pair in pairs)
    return [proposal for proposal in compared if proposal.likeness.is_proposed]


def choose(proposals: Iterable[Proposal], asked: Asked, traits: Mapping[UUID, Traits]) -> Chosen:
    """Choose what coordinators are asked about: who is most alike first, and only so many of a person at a time.

    Each organisation's registrations are counted for themselves: whoever registers copies, by the thousand or by
    mistake, has few of them asked about, and holds back nobody else's. That goes for up to a hundred: a key that more
    registrations share finds nobody (`MOST_HOLDERS` in store/matching.py), so others must be found by another one.
    """
    chosen: list[Proposal] = []
    open_now, held_back = Counter(asked.open), Counter[UUID]()
    for proposal in sorted(proposals, key=lambda one: (-one.likeness.score, one.pair)):
        one, other = proposal.pair
        sides = ((one, traits[other].registered_by), (other, traits[one].registered_by))
        if proposal.pair in asked.known:
            chosen.append(proposal)  # to be asked again should it have become another question
        elif any(open_now[side] >= OPEN_AT_MOST for side in sides):
            held_back.update(proposal.pair)
        else:
            open_now.update(sides)
            chosen.append(proposal)
    return Chosen(chosen, held_back)


def read_traits(person: Person) -> Traits:
    """Take what can be compared from a registration."""
    return Traits(
        person_id=person.person_id,
        registered_by=person.registered_by,
        given=read_names(person.given_names),
        family=read_names(person.family_names),
        documents=tuple(
            (kind, digits) for kind, number in person.documents if number and (digits := read_document_number(number))
        ),
        birth_date=person.birth_date,
        birth_years=_birth_years(person),
        phone=read_phone(person.phone) if person.phone else None,
        sex=person.sex if person.sex in ("female", "male") else None,
        nationality=person.nationality,
    )


@lru_cache(maxsize=PHONES_REMEMBERED)
def read_phone(phone: str) -> str:
    """Return the national part: the country is often guessed by whoever types it."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return phone.lstrip("+")


def compare(one: Traits, other: Traits) -> Likeness:
    """Say how likely it is that two registrations are of one person, and why."""
    compared = {
        field: comparison
        for field, comparison in (
            ("document", compare_documents(one.documents, other.documents)),
            ("given_names", compare_names(one.given, other.given)),
            ("family_names", compare_names(one.family, other.family)),
            ("birth_date", compare_births(one, other)),
            ("phone", _plainly(one.phone, other.phone)),
            ("sex", _plainly(one.sex, other.sex)),
            ("nationality", _plainly(one.nationality, other.nationality)),
        )
        if comparison is not None
    }
    one_person, relatives, strangers = 1.0, float(RELATIVES), float(PEOPLE)
    for field, comparison in compared.items():
        chances = CHANCES[field][comparison]
        one_person *= chances.one_person
        relatives *= chances.relatives
        strangers *= chances.strangers
    rivals = "relatives" if relatives > strangers else "strangers"
    reasons = [Reason(field, comparison, weight(field, comparison, rivals)) for field, comparison in compared.items()]
    reasons.sort(key=lambda reason: -abs(reason.weight))
    return Likeness(round(one_person / (one_person + relatives + strangers), 4), tuple(reasons))


@cache
def weight(field: str, comparison: str, rivals: str) -> float:
    """What a comparison says for one person rather than relatives or strangers, in bits, rounded to one place."""
    chances = CHANCES[field][comparison]
    return round(log2(chances.one_person / getattr(chances, rivals)), 1)


def compare_documents(one: Iterable[tuple[str, str]], other: Iterable[tuple[str, str]]) -> str | None:
    """Compare documents by the best of their pairs; None when none can be compared, as a passport with a permit."""
    found = {_compare_document(*mine, *theirs) for mine, theirs in product(one, other)}
    return next((comparison for comparison in CHANCES["document"] if comparison in found), None)


def _compare_document(kind: str, number: str, other_kind: str, other_number: str) -> str | None:
    if number == other_number:
        return "same" if kind == other_kind else "same_number"
    if kind != other_kind:
        return None
    if number.isdigit() and other_number.isdigit() and abs(int(number) - int(other_number)) <= ISSUED_TOGETHER:
        return "consecutive"
    if OSA.distance(number, other_number, score_cutoff=1) <= 1:
        return "near"
    return None if kind in REISSUED else "different"


def compare_births(one: Traits, other: Traits) -> str | None:
    """Compare birth dates, or what is known of the years where one has only an age; None where one has neither."""
    if one.birth_date is not None and other.birth_date is not None:
        return _compare_birth_dates(one.birth_date, other.birth_date)
    if one.birth_years is None or other.birth_years is None:
        return None
    apart = max(one.birth_years[0], other.birth_years[0]) - min(one.birth_years[1], other.birth_years[1])
    return "age_agrees" if apart <= 1 else "age_differs"


def _compare_birth_dates(one: date, other: date) -> str:
    if one == other:
        return "same"
    if one.year == other.year:
        if (one.day, one.month) == (other.month, other.day):
            return "swapped"
        if (1, 1) in ((one.day, one.month), (other.day, other.month)):
            return "year_only"
        return "near" if one.day == other.day or one.month == other.month else "different"
    if (one.day, one.month) == (other.day, other.month):
        slip = OSA.distance(str(one.year), str(other.year)) == 1
        return "year_differs" if slip or abs(one.year - other.year) == 1 else "different"
    return "different"


def _birth_years(person: Person) -> tuple[int, int] | None:
    if person.birth_date is not None:
        return person.birth_date.year, person.birth_date.year
    if person.age is not None:
        latest = person.registered_at.year - person.age
        return latest - 1, latest
    return None


def _plainly(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return None
    return "same" if one == other else "different"
