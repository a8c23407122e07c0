"""The people of the demo's day at the centre: invented, seeded, and the same for every run with the same seed."""

import csv
import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

from faker import Faker

BARRANQUILLA = "08001"
YOUNGEST, OLDEST = 18, 79  # years: a child's registration needs a caregiver, which is not this demo's story


@dataclass(frozen=True)
class Person:
    """One invented person; everything but the profile and the place is personal data and travels sealed only."""

    given_names: str
    family_names: str
    document_type: str
    document_number: str
    birth_date: date
    sex: str
    nationality: str
    phone: str
    place: str
    profile: str

    @property
    def name(self) -> str:
        return f"{self.given_names} {self.family_names}"

    def clear_words(self) -> tuple[str, ...]:
        """What must be found nowhere but where this person's registration is kept."""
        return (self.name, self.document_number, self.phone)


def make_people(count: int, seed: int, *, from_venezuela: float = 0.6) -> list[Person]:
    """`count` people, by default six in ten from Venezuela, no two with the same document or phone."""
    rng = random.Random(seed)  # noqa: S311 - people are invented, not secret
    faker = Faker("es_CO")
    faker.seed_instance(seed)
    documents = rng.sample(range(10_000_000, 99_999_999), count)
    phones = rng.sample(range(3_000_000_000, 3_250_000_000), count)
    return [_make_person(rng, faker, documents[i], phones[i], from_venezuela) for i in range(count)]


def municipality_codes() -> tuple[str, ...]:
    """The DIVIPOLA codes of Atlántico's municipalities, Barranquilla first."""
    return (BARRANQUILLA, *(code for code in _atlantico() if code != BARRANQUILLA))


def _make_person(rng: random.Random, faker: Faker, document: int, phone: int, from_venezuela: float) -> Person:
    sex = rng.choice(("female", "male"))
    venezuelan = rng.random() < from_venezuela
    if venezuelan:
        names = _venezuelan_names()
        given, family = rng.choice(names[sex]), " ".join(rng.sample(names["family"], 2))
        document_type = rng.choices(("PT", "PE", "PA", "foreign_id"), (6, 1, 2, 2))[0]
        profile = rng.choices(("migrant", "refugee"), (9, 1))[0]
    else:
        given = faker.first_name_female() if sex == "female" else faker.first_name_male()
        family = f"{faker.last_name()} {faker.last_name()}"
        document_type = "CC"
        profile = rng.choices(("host_community", "returnee"), (6, 4))[0]
    return Person(
        given_names=given,
        family_names=family,
        document_type=document_type,
        document_number=str(document),
        birth_date=date(2026, 1, 1) - timedelta(days=rng.randint(YOUNGEST * 366, OLDEST * 365)),
        sex=sex,
        nationality="VEN" if venezuelan else "COL",
        phone=f"+57{phone}",
        place=rng.choices(municipality_codes(), (40, *(1 for _ in municipality_codes()[1:])))[0],
        profile=profile,
    )


@cache
def _atlantico() -> tuple[str, ...]:
    with resources.files("demo.data").joinpath("atlantico.csv").open(encoding="utf-8") as lines:
        return tuple(row["code"] for row in csv.DictReader(lines))


@cache
def _venezuelan_names() -> dict[str, list[str]]:
    names: dict[str, list[str]] = {"female": [], "male": [], "family": []}
    with resources.files("demo.data").joinpath("venezuelan_names.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            names[row["kind"]].append(row["name"])
    return names
