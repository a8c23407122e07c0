"""A database of intake filled with many registrations at once, by other ways than messages."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from deploy.local import Stack
from messaging import database
from messaging.database import Connection
from messaging.migrate import migrate
from services.intake.rules.match_keys import match_keys
from services.intake.rules.matching import read_traits
from services.intake.rules.people import Person

DATABASE: Final = "bench_matching"
INTAKE: Final = Path(__file__).parents[2] / "services" / "intake"

_PERSON: Final = (
    *("person_id", "registered_by", "registered_at", "given_names", "family_names", "birth_date", "age", "sex"),
    *("nationality", "phone"),
)


@contextlib.contextmanager
def empty_intake(stack: Stack) -> Iterator[Connection]:
    """A connection to a database of intake in which there is nobody; gone afterwards."""
    stack.drop_database(DATABASE)
    url = stack.create_database(DATABASE)
    migrate(url, INTAKE)
    with database.connect(url) as connection:
        connection.execute("set statement_timeout = 0")
        connection.commit()
        yield connection
    stack.drop_database(DATABASE)


def insert_people(connection: Connection, people: Iterable[Person]) -> None:
    """Keep registrations as intake would, without their message."""
    people = list(people)
    columns = f"{', '.join(_PERSON)}, message_id, recorded_at"
    with connection.cursor() as cursor, cursor.copy(f"copy person ({columns}) from stdin") as copy:
        for person in people:
            own = [getattr(person, name) for name in _PERSON]
            copy.write_row([*own, person.person_id, person.registered_at])
    with connection.cursor() as cursor, cursor.copy("copy document from stdin") as copy:
        for person in people:
            for position, (kind, number) in enumerate(person.documents, 1):
                copy.write_row([person.person_id, position, kind, number])


def let_wait(connection: Connection, people: Iterable[Person]) -> None:
    """Have them compared in the order in which they were registered."""
    with connection.cursor() as cursor, cursor.copy("copy match_waiting from stdin") as copy:
        for person in people:
            copy.write_row([person.person_id, person.registered_at])


def insert_keys(connection: Connection, people: Iterable[Person]) -> None:
    """Let registrations be found, without comparing them."""
    with connection.cursor() as cursor, cursor.copy("copy match_key from stdin") as copy:
        for person in people:
            for key in keys_of(person):
                copy.write_row([key, person.person_id])


def keys_of(person: Person) -> frozenset[str]:
    """The keys under which a registration is found."""
    return match_keys(read_traits(person))


def proposed_pairs(connection: Connection) -> set[frozenset[UUID]]:
    """Every two registrations that have been proposed."""
    rows = connection.execute("select person_id, other_id from match where score is not null").fetchall()
    return {frozenset((row["person_id"], row["other_id"])) for row in rows}
