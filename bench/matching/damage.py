"""People as several organisations register them: invented, seeded, and with the mistakes that registers have.

The rates were chosen on the high side of what registers of people on the move are like, and have not been changed since
the matching was first measured; no published figures for this city's are known to us. `docs/matching.md` repeats them.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Final
from uuid import UUID

from anyascii import anyascii

from demo import people
from services.intake.rules.people import Person

ORGANISATIONS: Final = ("barranquilla", "redcross", "iom", "americares", "fuvadis")
FROM, UNTIL = datetime(2021, 2, 1, tzinfo=UTC), datetime(2022, 6, 1, tzinfo=UTC)
OLDEST: Final = 79  # years

# How the people are. Shares of people unless it says otherwise.
REGISTERED_AGAIN: Final = 0.35  # by a second organisation; of those as many by a third
TWIN: Final = 0.024  # of people: 1 birth in 80
TWINS_RHYME: Final = 0.2  # of pairs of twins: names that begin alike, as Yuleisy and Yuleidy
SIBLING: Final = 0.25  # shares surnames, telephone and address with the person before
CHILD_OF: Final = 0.15  # shares the first surname, telephone and address with the person before
SECOND_GIVEN_NAME: Final = 0.5
SECOND_DOCUMENT: Final = 0.4  # of those not from here: a passport or a foreign identity card beside the permit

# How often each mistake is made in one registration of a person: independently, in the first one as in the others.
RATES: Final = {
    "document missing": 0.15,
    "the other document shown": 0.30,  # by those who have two
    "document number mistyped": 0.04,
    "document type confused": 0.03,
    "document number of somebody else": 0.005,
    "accents lost": 0.40,
    "capitals": 0.15,
    "second given name left out": 0.25,
    "second given name as an initial": 0.05,
    "only the second given name": 0.01,
    "second surname left out": 0.15,
    "surnames swapped": 0.04,
    "another surname": 0.01,  # a husband's, a stepfather's
    "name mistyped": 0.04,  # each word of it
    "name written as heard": 0.05,  # each word of it
    "birth unknown": 0.04,
    "only the age known": 0.10,
    "age a year off": 0.20,  # of those
    "day and month swapped": 0.02,
    "another year of birth": 0.02,
    "1 January": 0.02,
    "another day or month of birth": 0.02,
    "phone missing": 0.20,
    "phone changed": 0.25,
    "phone mistyped": 0.02,
    "sex wrong": 0.005,
    "sex not stated": 0.03,
    "nationality missing": 0.10,
    "another nationality": 0.02,
}

HEARD: Final = (
    *(("v", "b"), ("b", "v"), ("z", "s"), ("s", "z"), ("ll", "y"), ("y", "i"), ("i", "y"), ("h", "")),
    *(("qu", "k"), ("c", "k"), ("ge", "je"), ("gi", "ji"), ("ce", "se"), ("ci", "si"), ("n", "nn"), ("l", "ll")),
)


@dataclass(frozen=True)
class Somebody:
    """An invented person as they are."""

    given: tuple[str, ...]
    family: tuple[str, str]
    documents: tuple[tuple[str, str], ...]
    birth_date: date
    sex: str
    nationality: str
    phone: str


@dataclass(frozen=True)
class Registration:
    """What one organisation has written down, and of whom it really is."""

    person: Person
    whose: int


def make_registrations(count: int, seed: int) -> list[Registration]:
    """`count` people as organisations have registered them, in the order of registration."""
    rng = random.Random(f"registrations {seed}")  # noqa: S311 - people are invented, not secret
    everybody = make_everybody(count, seed)
    made = []
    for whose, somebody in enumerate(everybody):
        times = 1
        while times < 3 and rng.random() < REGISTERED_AGAIN:
            times += 1
        for organisation in rng.sample(ORGANISATIONS, times):
            made.append(Registration(register(somebody, organisation, everybody, rng), whose))
    return sorted(made, key=lambda one: (one.person.registered_at, one.person.person_id))


def true_pairs(registrations: Sequence[Registration]) -> set[frozenset[UUID]]:
    """Every two registrations that are of one person."""
    of: dict[int, list[UUID]] = {}
    for one in registrations:
        of.setdefault(one.whose, []).append(one.person.person_id)
    return {frozenset(pair) for ids in of.values() for pair in combinations(ids, 2)}


def make_everybody(count: int, seed: int) -> list[Somebody]:
    """`count` people of all ages, alone and in families."""
    rng = random.Random(f"everybody {seed}")  # noqa: S311
    made: list[Somebody] = []
    strangers = [_from_demo(one, rng) for one in people.make_people(count, seed)]
    more_names = {sex: [one.given[0] for one in strangers if one.sex == sex] for sex in ("female", "male")}
    for stranger in strangers:
        one = stranger
        if rng.random() < SECOND_GIVEN_NAME:
            one = replace(one, given=(*one.given, rng.choice(more_names[one.sex])))
        if made:
            one = _relative(one, made[-1], rng)
        made.append(one)
    return made


def _from_demo(one: people.Person, rng: random.Random) -> Somebody:
    first, second = one.family_names.rsplit(" ", 1)
    documents = [(one.document_type, one.document_number)]
    if one.nationality != "COL" and rng.random() < SECOND_DOCUMENT:
        other = "PA" if one.document_type == "foreign_id" else "foreign_id"
        documents.append((other, str(rng.randint(5_000_000, 35_000_000))))
    return Somebody(
        given=(one.given_names,),
        family=(first, second),
        documents=tuple(documents),
        birth_date=FROM.date() - timedelta(days=rng.randint(0, OLDEST * 365)),
        sex=one.sex,
        nationality=one.nationality,
        phone=one.phone,
    )


def _relative(one: Somebody, before: Somebody, rng: random.Random) -> Somebody:
    """Make somebody a twin, a brother or sister, or a child of the person before, or leave them a stranger."""
    chance = rng.random()
    if chance < TWIN / 2:
        return _twin(one, before, rng)
    if chance < TWIN / 2 + SIBLING:
        return replace(one, family=before.family, phone=before.phone, nationality=before.nationality)
    if chance < TWIN / 2 + SIBLING + CHILD_OF:
        return replace(one, family=(before.family[0], one.family[1]), phone=before.phone)
    return one


def _twin(one: Somebody, before: Somebody, rng: random.Random) -> Somebody:
    (kind, number), *_ = before.documents
    given = one.given
    if given[0] == before.given[0] or rng.random() < TWINS_RHYME:
        given = (_another_letter(before.given[0], rng), *one.given[1:])
    return replace(
        before,
        given=given,
        sex=one.sex,
        documents=((kind, str(int(number) + rng.randint(1, 3))),),  # issued one after the other
    )


def register(somebody: Somebody, organisation: str, everybody: Sequence[Somebody], rng: random.Random) -> Person:
    """Write somebody down as an organisation would, mistakes included."""

    def by(rate: str) -> bool:
        return rng.random() < RATES[rate]

    at = FROM + (UNTIL - FROM) * rng.random()
    birth_date, age = _birth(somebody.birth_date, at.date(), by, rng)
    sex = "not_stated" if by("sex not stated") else somebody.sex
    if by("sex wrong"):
        sex = {"female": "male", "male": "female"}.get(sex, sex)
    nationality = None if by("nationality missing") else somebody.nationality
    if by("another nationality"):
        nationality = "COL" if nationality == "VEN" else "VEN"
    return Person(
        person_id=UUID(int=rng.getrandbits(128), version=4),
        registered_by=organisation,
        registered_at=at,
        given_names=_written(_given(somebody.given, by), by, rng),
        family_names=_written(_family(somebody, everybody, by, rng), by, rng),
        documents=_documents(somebody, everybody, by, rng),
        birth_date=birth_date,
        age=age,
        sex=sex,
        nationality=nationality,
        phone=_phone(somebody.phone, by, rng),
    )


By = Callable[[str], bool]


def _given(names: tuple[str, ...], by: By) -> tuple[str, ...]:
    if len(names) < 2:
        return names
    if by("only the second given name"):
        return names[1:]
    if by("second given name left out"):
        return names[:1]
    if by("second given name as an initial"):
        return (names[0], names[1][0])
    return names


def _family(somebody: Somebody, everybody: Sequence[Somebody], by: By, rng: random.Random) -> tuple[str, ...]:
    names: tuple[str, ...] = somebody.family
    if by("another surname"):
        names = (names[0], rng.choice(everybody).family[0])
    if by("surnames swapped"):
        names = names[::-1]
    if by("second surname left out"):
        names = names[:1]
    return names


def _written(names: tuple[str, ...], by: By, rng: random.Random) -> str:
    words = list(names)
    for place, word in enumerate(words):
        if by("name mistyped"):
            words[place] = word = _mistyped(word, rng)
        if by("name written as heard"):
            words[place] = _as_heard(word, rng)
    text = " ".join(words)
    if by("accents lost"):
        text = anyascii(text)
    return text.upper() if by("capitals") else text


def _documents(
    somebody: Somebody, everybody: Sequence[Somebody], by: By, rng: random.Random
) -> tuple[tuple[str, str | None], ...]:
    if by("document missing"):
        return (("none", None),)
    other = len(somebody.documents) > 1 and by("the other document shown")
    kind, number = somebody.documents[other]
    if by("document number of somebody else"):
        number = rng.choice(everybody).documents[0][1]
    if by("document number mistyped"):
        number = _mistyped_number(number, rng)
    if by("document type confused"):
        kind = rng.choice([one for one in ("CC", "CE", "PT", "PE", "PA", "foreign_id") if one != kind])
    return ((kind, number),)


def _birth(born: date, on: date, by: By, rng: random.Random) -> tuple[date | None, int | None]:
    if by("birth unknown"):
        return None, None
    if by("only the age known"):
        age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
        return None, max(age + rng.choice((-1, 1)) * by("age a year off"), 0)
    if by("1 January"):
        return date(born.year, 1, 1), None
    if by("day and month swapped") and born.day <= 12:
        return date(born.year, born.day, born.month), None
    if by("another year of birth"):
        year = rng.choice((born.year - 1, born.year + 1, born.year - 10, born.year + 10))
        return date(min(year, on.year), born.month, min(born.day, 28)), None
    if by("another day or month of birth"):
        if rng.random() < 0.5:
            return date(born.year, born.month, rng.randint(1, 28)), None
        return date(born.year, rng.randint(1, 12), min(born.day, 28)), None
    return born, None


def _phone(phone: str, by: By, rng: random.Random) -> str | None:
    if by("phone missing"):
        return None
    if by("phone changed"):
        return f"+57{rng.randint(3_000_000_000, 3_250_000_000)}"
    return f"+57{_mistyped_number(phone[3:], rng)}" if by("phone mistyped") else phone


def _mistyped(word: str, rng: random.Random) -> str:
    """One letter left out, doubled by a neighbour, replaced, or exchanged with the next."""
    place = rng.randrange(len(word))
    kind = rng.randrange(4)
    if kind == 0 and len(word) > 3:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + rng.choice("aeiourstnl") + word[place:]
    if kind == 2 and place + 1 < len(word):
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return _another_letter(word, rng)


def _another_letter(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word)) if len(word) > 1 else 0
    return word[:place] + rng.choice([one for one in "aeiourstnld" if one != word[place]]) + word[place + 1 :]


def _mistyped_number(number: str, rng: random.Random) -> str:
    place = rng.randrange(len(number) - 1)
    if rng.random() < 0.5:
        return number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    return number[:place] + rng.choice("0123456789") + number[place + 1 :]


def _as_heard(word: str, rng: random.Random) -> str:
    lower = word.lower()
    possible = [pair for pair in HEARD if pair[0] in lower]
    if not possible:
        return word
    written, heard = rng.choice(possible)
    return lower.replace(written, heard, 1).capitalize()
