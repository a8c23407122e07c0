"""However many people are called alike, custody does not read them all: among fifty thousand, and without its index.

`./ruta bench console` does the same with a million.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from bench.console import people, statements, world
from bench.console.people import People
from bench.console.statements import Reading
from bench.console.world import LARGE
from contracts import sealing
from messaging import clock
from tests.hub.console.kit import Console

REFERRALS = 50_000
KEY = b"k" * 32


@pytest.fixture(scope="module")
def connection(console: Console) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(console.url) as connection:
        yield connection


@pytest.fixture(scope="module")
def found(connection: psycopg.Connection[Any]) -> People:
    made = world.fill(connection, REFERRALS, now=clock.now())
    return people.fill(connection, made.longest, KEY, sealing.public_part(sealing.new_key()))


def wrong(console: Console, connection: psycopg.Connection[Any], found: People) -> dict[str, list[Reading]]:
    """What reads too much, by what is typed."""
    said = {}
    for typed in (found.name, found.telephone, found.document, found.last_digits, found.common, found.common_pair,
                  found.nobody, found.none):  # fmt: skip
        for coordinates in (False, True):
            read = statements.of_custody(console.url, LARGE, KEY, typed, coordinates=coordinates)
            assert read
            if many := statements.too_much(connection, read):
                said[typed] = many
    return said


def test_nobody_is_found_by_reading_all_people(
    console: Console, connection: psycopg.Connection[Any], found: People
) -> None:
    assert wrong(console, connection, found) == {}
    connection.execute("drop index block_index_tokens")
    connection.commit()
    assert wrong(console, connection, found) != {}
