"""Gathered rows end as rows written one by one, in as few statements as that allows; what is kept out is known."""

from collections.abc import Collection, Iterator, Sequence
from random import Random
from typing import Any, Final, LiteralString

import pytest

from deploy.local import Stack
from messaging import database, gathering
from messaging.database import Connection, Row
from messaging.gathering import Gathered, UniqueIndex, UnreadableStatementError, Write
from messaging.transaction import Guarded, KeptOut, Transaction, transaction

TABLES: Final = """
    create table place (
        place_id integer primary key,
        person   integer,
        service  integer,
        state    text not null default 'open',
        code     integer unique,
        note     text
    );
    create unique index one_open on place (person, service) where state = 'open';
    create table part (
        place_id integer not null,
        position integer not null,
        what     text,
        primary key (place_id, position)
    );
    create table said (what text);
"""

INSERT: Final = """
    insert into place (place_id, person, service, state, code, note)
    select place_id, person, service, state, code, note from jsonb_populate_recordset(null::place, %s::jsonb)
    on conflict do nothing
    returning place_id
"""
UPSERT: Final = """
    insert into place (place_id, person, service, state, code, note)
    select place_id, person, service, state, code, note from jsonb_populate_recordset(null::place, %s::jsonb)
    on conflict (place_id) do update set note = excluded.note
"""
CLOSE: Final = """
    update place set state = new.state, note = new.note from jsonb_populate_recordset(null::place, %s::jsonb) as new
    where place.place_id = new.place_id
"""
NOTE: Final = """
    update place set note = new.note from jsonb_populate_recordset(null::place, %s::jsonb) as new
    where place.place_id = new.place_id
"""
RECODE: Final = """
    update place set code = new.code from jsonb_populate_recordset(null::place, %s::jsonb) as new
    where place.place_id = new.place_id
"""
REMOVE: Final = """
    delete from place using jsonb_populate_recordset(null::place, %s::jsonb) as old
    where place.place_id = old.place_id
"""
SAVE_PARTS: Final = """
    insert into part (place_id, position, what)
    select place_id, position, part from jsonb_to_recordset(%s::jsonb) as new(place_id integer, parts text[]),
        unnest(parts) with ordinality as one(part, position)
    on conflict (place_id, position) do update set what = excluded.what
"""
REMOVE_PARTS: Final = """
    delete from part using jsonb_to_recordset(%s::jsonb) as new(place_id integer, kept integer)
    where part.place_id = new.place_id and part.position > new.kept
"""
RENAME_PART: Final = """
    update part set what = new.what from jsonb_populate_recordset(null::part, %s::jsonb) as new
    where part.place_id = new.place_id and part.position = new.position
"""
SAY: Final = "insert into said (what) select what from jsonb_populate_recordset(null::said, %s::jsonb)"

Said = tuple[LiteralString, Row]


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    url = stack.create_database("gathering")
    with database.connect(url) as connection:
        connection.execute(TABLES)
    yield url
    stack.drop_database("gathering")


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    with database.connect(url) as connection:
        connection.execute("set synchronous_commit = off")
        empty(connection)
        yield connection
        connection.rollback()


def empty(connection: Connection) -> None:
    for table in ("place", "part", "said"):
        connection.execute(f"delete from {table}")
    connection.commit()


def place(place_id: int, **said: Any) -> Row:
    """A place of a person at a service, open unless said otherwise."""
    return {"place_id": place_id, "person": 1, "service": 1, "state": "open", "code": None, "note": None, **said}


def groups(connection: Connection, *said: Said) -> list[tuple[str, list[int]]]:
    """Gather rows; return which statements write them, by their verb, and the places that each writes."""
    gathered = Gathered(gathering.read_schema(connection))
    for sql, row in said:
        gathered.add(Write(gathering.read(sql), row))
    return [(group.statement.verb, [write.row["place_id"] for write in group.writes]) for group in gathered.take()]


def stands(connection: Connection) -> list[Row]:
    """Return everything that stands in the tables."""
    return [
        row
        for table in ("place", "part", "said")
        for row in connection.execute(f"select '{table}' as name, to_jsonb(one) as row from {table} as one order by 2")
    ]


# -- groups -----------------------------------------------------------------------------------------------------------


def test_rows_that_have_nothing_to_do_with_each_other_are_one_statement(connection: Connection) -> None:
    said = [(sql, place(one, person=one)) for one in range(3) for sql in (INSERT, NOTE)]
    assert groups(connection, *said) == [("insert", [0, 1, 2]), ("update", [0, 1, 2])]


def test_an_update_goes_behind_the_insert_of_its_row_even_where_its_statement_came_first(
    connection: Connection,
) -> None:
    said = (CLOSE, place(1, person=1)), (INSERT, place(2, person=2)), (CLOSE, place(2, person=2))
    assert groups(connection, *said) == [("update", [1]), ("insert", [2]), ("update", [2])]


def test_a_row_goes_behind_whatever_frees_its_place_in_a_partial_index(connection: Connection) -> None:
    said = (INSERT, place(1)), (CLOSE, place(1, state="closed")), (INSERT, place(2))
    assert groups(connection, *said) == [("insert", [1]), ("update", [1]), ("insert", [2])]


def test_an_index_that_a_statement_does_not_change_is_in_nobodys_way(connection: Connection) -> None:
    said = (INSERT, place(1)), (NOTE, place(1, note="a")), (INSERT, place(2))
    assert groups(connection, *said) == [("insert", [1, 2]), ("update", [1])]


def test_of_two_updates_of_a_row_that_write_the_same_columns_the_last_is_enough(connection: Connection) -> None:
    assert groups(connection, (NOTE, place(1, note="a")), (NOTE, place(1, note="b"))) == [("update", [1])]
    assert groups(connection, (NOTE, place(1)), (CLOSE, place(1)), (NOTE, place(1))) == [
        ("update", [1]), ("update", [1]), ("update", [1]),
    ]  # fmt: skip


def test_where_nobody_knows_from_where_a_row_moves_nothing_passes_it(connection: Connection) -> None:
    said = (INSERT, place(1, person=1)), (RECODE, place(1, person=1, code=7)), (INSERT, place(2, person=2, code=5))
    assert groups(connection, *said) == [("insert", [1]), ("update", [1]), ("insert", [2])]


def test_rows_that_stand_for_several_of_a_table_are_told_apart_by_what_they_have_in_common(
    connection: Connection,
) -> None:
    many = [
        said
        for one in range(3)
        for said in ((REMOVE_PARTS, {"place_id": one, "kept": 1}), (SAVE_PARTS, {"place_id": one, "parts": ["a"]}))
    ]
    assert groups(connection, *many) == [("delete", [0, 1, 2]), ("upsert", [0, 1, 2])]
    one = (RENAME_PART, {"place_id": 1, "position": 2, "what": "b"})
    assert groups(connection, one, *many, one)[-1] == ("update", [1])


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "update place set note = 'x'",
        "insert into place select * from jsonb_populate_recordset(null::place, %s::jsonb)",
        "with new as (select 1) insert into said (what) select 'a'",
    ],
)
def test_what_cannot_be_read_is_not_gathered(connection: Connection, statement: LiteralString) -> None:
    with pytest.raises(UnreadableStatementError):
        Transaction(connection).write(statement, {})


def test_the_schema_tells_of_every_unique_index_its_columns_and_its_condition(connection: Connection) -> None:
    schema = gathering.read_schema(connection)
    assert list(schema["place"]) == [
        UniqueIndex(frozenset({"place_id"})),
        UniqueIndex(frozenset({"code"})),
        UniqueIndex(frozenset({"person", "service"}), frozenset({"person", "service", "state"})),
    ]
    assert list(schema["part"]) == [UniqueIndex(frozenset({"place_id", "position"}))]
    assert "said" not in schema


# -- one by one -------------------------------------------------------------------------------------------------------


def story(random: Random) -> list[Said]:
    """Say a few things about a few places; all of them may be said, in any order."""
    said: list[Said] = []
    for _ in range(random.randint(2, 14)):
        place_id = random.randint(1, 5)
        row = place(
            place_id,
            person={1: 1, 2: 1, 3: 1, 4: 2, 5: None}[place_id],  # a row is true of columns that it does not change
            note=random.choice(["a", "b", "c"]),
            state=random.choice(["open", "closed"]),
        )
        kept, parts = random.randint(0, 3), random.choices(["x", "y", "z"], k=random.randint(0, 3))
        about = row["place_id"]
        said.append(
            random.choice(
                [
                    (INSERT, row),
                    (INSERT, row),
                    (CLOSE, {**row, "state": "closed"}),
                    (NOTE, row),
                    (UPSERT, row | {"state": "closed"}),
                    (RECODE, {**row, "code": random.choice([None, 10 + about])}),
                    (REMOVE, {"place_id": about}),
                    (SAVE_PARTS, {"place_id": about, "parts": parts}),
                    (REMOVE_PARTS, {"place_id": about, "kept": kept}),
                    (RENAME_PART, {"place_id": about, "position": kept, "what": "r"}),
                    (SAY, {"what": random.choice("abc")}),
                ]
            )
        )
    return said


def write(tx: Transaction, sql: LiteralString, row: Row) -> bool:
    """Write a row as a handler would; tell whether it is in, where it may be kept out."""
    if sql is INSERT:
        return tx.insert(sql, row)
    tx.write(sql, row)
    return True


def one_by_one(connection: Connection, said: Sequence[Said]) -> tuple[list[Row], list[bool]]:
    answers = []
    for sql, row in said:
        with transaction(connection) as tx:
            answers.append(write(tx, sql, row))
    return stands(connection), answers


def together(connection: Connection, said: Sequence[Said]) -> tuple[list[Row], list[bool]]:
    """Write all of it as one batch; raise KeptOut as the transaction does."""
    kept_out: frozenset[Any] = frozenset()
    for attempt in range(2):
        answers = []
        try:
            with transaction(connection, kept_out) as tx:
                for sql, row in said:
                    answers.append(write(tx, sql, row))
                    tx.keep()
            return stands(connection), answers
        except KeptOut as wrong:
            assert attempt == 0, "what was foreseen has not come"
            kept_out = wrong.rows
    raise AssertionError("unreachable")


@pytest.mark.parametrize("number", range(300))
def test_rows_that_are_gathered_end_as_if_each_had_been_written_alone(connection: Connection, number: int) -> None:
    random = Random(f"gathered {number}")  # noqa: S311 - no secret
    before, said = [(INSERT, place(1))] if random.random() < 0.5 else [], story(random)
    ends = []
    for way in (one_by_one, together):
        empty(connection)
        one_by_one(connection, before)
        ends.append(way(connection, said))
    assert ends[0] == ends[1], said


# -- what is kept out -------------------------------------------------------------------------------------------------


def kept_out_of(
    connection: Connection, said: Sequence[Said], foreseen: Collection[Guarded] = frozenset()
) -> Collection[Guarded]:
    """Write rows as one batch; return of which the database has made something else than was foreseen."""
    try:
        with transaction(connection, foreseen) as tx:
            for sql, row in said:
                write(tx, sql, row)
                tx.keep()
            tx.fetch("select 1")  # which sends them all
    except KeptOut as wrong:
        return wrong.rows
    return ()


def test_a_row_that_is_kept_out_is_known_and_nothing_is_committed(connection: Connection) -> None:
    one_by_one(connection, [(INSERT, place(1))])
    wrong = kept_out_of(connection, [(INSERT, place(2)), (INSERT, place(3, person=3)), (SAY, {"what": "in"})])
    assert wrong == {(0, INSERT, (2,))}
    assert [row["row"]["place_id"] for row in stands(connection)] == [1]


def test_a_failure_that_came_of_a_row_that_is_kept_out_tells_which(connection: Connection) -> None:
    one_by_one(connection, [(INSERT, place(1)), (SAVE_PARTS, {"place_id": 2, "parts": ["x"]})])
    failing: LiteralString = """
        insert into part (place_id, position) select place_id, 1 from jsonb_populate_recordset(null::part, %s::jsonb)
    """
    assert kept_out_of(connection, [(INSERT, place(2)), (failing, {"place_id": 2})]) == {(0, INSERT, (2,))}


def test_a_row_that_goes_in_though_it_was_said_to_be_kept_out_is_known(connection: Connection) -> None:
    assert kept_out_of(connection, [(INSERT, place(1))], foreseen={(0, INSERT, (1,))}) == {(0, INSERT, (1,))}
    assert stands(connection) == []


def test_whoever_is_not_told_what_is_kept_out_asks_at_once(connection: Connection) -> None:
    with transaction(connection) as tx:
        assert tx.insert(INSERT, place(1))
        tx.keep()
        assert not tx.insert(INSERT, place(2))
        tx.undo()
        assert tx.insert(INSERT, place(3, person=2))
        tx.keep()
    assert [row["row"]["place_id"] for row in stands(connection)] == [1, 3]


# -- what is loaded ---------------------------------------------------------------------------------------------------

PLACES: Final = (
    "select place_id as key, note from place where place_id = any(%s::integer[]) order by place_id for update"
)


def note_of(row: Row) -> Any:
    return row["note"]


def test_what_is_not_there_is_asked_for_once_and_is_there_when_it_is_put(connection: Connection) -> None:
    with transaction(connection, frozenset()) as tx:
        tx.mention([1, 2])
        assert tx.load(PLACES, 1, note_of) is None
        tx.insert(INSERT, place(2, note="from elsewhere"))
        tx.flush()
        assert tx.load(PLACES, 2, note_of) is None  # nobody has said so
        tx.put(PLACES, 2, "a")
        assert tx.load(PLACES, 2, note_of) == "a"
        tx.amend(PLACES, 2, lambda note: note + "b")
        tx.amend(PLACES, 3, lambda note: note + "never asked for")
        assert list(tx.loaded(PLACES)) == ["ab"]
        tx.load_again(PLACES)
        assert tx.load(PLACES, 2, note_of) == "from elsewhere"


def test_what_a_message_has_put_goes_with_it(connection: Connection) -> None:
    with transaction(connection, frozenset()) as tx:
        assert tx.load(PLACES, 1, note_of) is None
        tx.put(PLACES, 1, "a")
        tx.keep()
        tx.put(PLACES, 1, "b")
        tx.undo()
        assert tx.load(PLACES, 1, note_of) == "a"
