"""Rows that wait to be written, in few statements that leave the database as if each row had been written in its turn.

Rows of one statement go together. Which of them must not overtake which is read off the database itself: rows that have
the same values in a unique index touch the same place. A row joins a statement that is gathered already only where
nothing that was gathered after that statement touches a place of this row.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, LiteralString

import psycopg

Row = dict[str, Any]

# The columns of every unique index of a table, the primary key's first, and those that its condition depends on. One
# over something computed has no columns here: where a row stands in it cannot be told.
UNIQUE_INDEXES = """
    select heap.relname as name,
           case when 0 = any(index.indkey::int2[]) then '{}' else array(
               select attname::text from unnest(index.indkey::int2[]) with ordinality as part(number, place)
               join pg_attribute on attrelid = heap.oid and attnum = part.number where place <= index.indnkeyatts
           ) end as columns,
           array(
               select attname::text from pg_depend join pg_attribute on attrelid = heap.oid and attnum = refobjsubid
               where classid = 'pg_class'::regclass and objid = index.indexrelid
                 and refclassid = 'pg_class'::regclass and refobjid = heap.oid
           ) as condition
    from pg_index as index join pg_class as heap on heap.oid = index.indrelid
    where index.indisunique and heap.relnamespace = 'public'::regnamespace
    order by heap.relname, index.indisprimary desc, index.indexrelid
"""


class UnreadableStatementError(Exception):
    """A statement cannot be gathered: it has not a form in which one can tell which rows it touches."""


@dataclass(frozen=True)
class UniqueIndex:
    """A unique index: no two rows have the same values in its columns."""

    columns: frozenset[str]
    condition: frozenset[str] = frozenset()
    """The columns that decide whether a row stands in it at all."""


Schema = Mapping[str, Sequence[UniqueIndex]]
"""The unique indexes of each table, the primary key first."""


def read_schema(connection: psycopg.Connection[Row]) -> Schema:
    """Ask a database for the unique indexes of its tables."""
    found: dict[str, list[UniqueIndex]] = defaultdict(list)
    for row in connection.execute(UNIQUE_INDEXES).fetchall():
        found[row["name"]].append(UniqueIndex(frozenset(row["columns"]), frozenset(row["condition"])))
    return found


@dataclass(frozen=True, eq=False)
class Statement:
    """A set-based statement, whose only parameter is a JSON array of rows, and what can be read in its text.

        insert into t (…) select … from jsonb_…(%s::jsonb) [on conflict do nothing [returning …]]
        insert into t (…) select … from jsonb_…(%s::jsonb) on conflict (…) do update set … [where …]
        update t set … from jsonb_…(%s::jsonb) as new where t.… = new.… [and …]
        delete from t using jsonb_…(%s::jsonb) as old where t.… = old.… [and …]

    It reads nothing but its rows and the table that it writes. All its rows have the same columns, and what a row says
    of columns that the statement does not change is what stands there.
    """

    sql: LiteralString
    verb: str
    table: str
    inserts: frozenset[str] = frozenset()
    """The columns that an insert fills."""
    sets: frozenset[str] = frozenset()
    """The columns that an update, or an insert that meets its row, changes."""
    found_by: tuple[str, ...] = ()
    """The columns by which its rows are found."""
    last_counts: bool = False
    """Whether it writes all that it sets from its rows alone, so that of two for one row the last is enough."""
    returning: tuple[str, ...] = ()
    """What a guarded insert returns of each row that went in."""


_INSERT = re.compile(r"insert into (\w+)(?: as \w+)? \(([^)]*)\) select (.*)")
_UPSERT = re.compile(r".* on conflict \(([^)]*)\) do update set (.*)")
_GUARDED = re.compile(r".* on conflict do nothing returning (.*)")
_UPDATE = re.compile(r"update (\w+) set (.*?) from jsonb_(.*)")
_DELETE = re.compile(r"delete from (\w+) using jsonb_(.*)")
_SET = re.compile(r"(\w+) = ")
_FOUND_BY = re.compile(r"\w+\.(\w+) = \w+\.\1\b")


@cache
def read(sql: LiteralString) -> Statement:
    """Read a statement; raise UnreadableStatementError where it has not one of the forms that can be gathered."""
    text = " ".join(re.sub(r"--[^\n]*", "", sql).split())
    if insert := _INSERT.fullmatch(text):
        table, inserts, rest = insert[1], frozenset(_names(insert[2])), insert[3]
        if upsert := _UPSERT.fullmatch(rest):
            changes, _, condition = upsert[2].partition(" where ")
            sets = _SET.findall(changes)
            last_counts = not condition and changes == ", ".join(f"{one} = excluded.{one}" for one in sets)
            return Statement(sql, "upsert", table, inserts, frozenset(sets), _names(upsert[1]), last_counts)
        guarded = _GUARDED.fullmatch(rest)
        return Statement(sql, "insert", table, inserts, returning=_names(guarded[1]) if guarded else ())
    if update := _UPDATE.fullmatch(text):
        table, changes, (_, _, condition) = update[1], update[2], update[3].partition(" where ")
        sets, found_by = _SET.findall(changes), tuple(_FOUND_BY.findall(condition))
        last_counts = changes == ", ".join(f"{one} = new.{one}" for one in sets)
        last_counts &= condition == " and ".join(f"{table}.{one} = new.{one}" for one in found_by)
        return Statement(sql, "update", table, frozenset(), frozenset(sets), found_by, last_counts)
    if delete := _DELETE.fullmatch(text):
        return Statement(sql, "delete", delete[1], found_by=tuple(_FOUND_BY.findall(delete[2].partition(" where ")[2])))
    raise UnreadableStatementError(f"this statement cannot be gathered: {text}")


def _names(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(","))


def columns_touched(
    statement: Statement, index: UniqueIndex, primary: UniqueIndex, row: frozenset[str]
) -> frozenset[str] | None:
    """Tell which columns are known of the places that a statement touches in an index; None where it touches none.

    No columns are known where it may touch any place. `row` are the columns that the statement's rows have.
    """
    found_by, moves = frozenset(statement.found_by), statement.sets & index.columns
    known = frozenset() if moves - found_by else index.columns & row  # moved, but it is unknown from where
    match statement.verb:
        case "insert":
            drawn = index.columns and not index.columns & statement.inserts  # by the database, as numbers are
            return None if drawn else known
        case "upsert":
            return frozenset() if index is primary and not index.columns <= found_by else known
        case _ if not primary.columns <= found_by:  # it may find several rows
            return index.columns & (found_by - moves)
        case "update" if not index.columns <= found_by and not statement.sets & (index.columns | index.condition):
            return None
        case _:
            return known


Place = tuple[Any, ...]
"""The values of a row in some columns of an index: two rows with the same may be in each other's way."""


@dataclass(eq=False, slots=True)
class Write:
    """One row for a statement."""

    statement: Statement
    row: Row
    number: int = 0
    """Of the message that writes it, in its batch."""

    @property
    def identity(self) -> Place:
        """What tells a guarded row from the others of its statement."""
        return tuple(self.row[one] for one in self.statement.returning)


@dataclass(eq=False, slots=True)
class Group:
    """Rows that one execution of a statement writes, in order."""

    statement: Statement
    writes: list[Write] = field(default_factory=list)
    at: dict[Place, int] = field(default_factory=dict)
    """Where the row stands that is found by these values."""


_SEVERAL: Place = (object(),)  # what the rows are found by that touch one place, where they are not one row's


@dataclass(eq=False, slots=True)
class _Touched:
    """Which places of an index are touched: by the group at which position last, and for the row found by what.

    A place is known by those columns only that all who touch the index know of it.
    """

    columns: tuple[str, ...]
    last: dict[Place, tuple[int, Place]] = field(default_factory=dict)

    def narrow(self, known: frozenset[str]) -> None:
        """Know places by no columns but these."""
        keep = [number for number, column in enumerate(self.columns) if column in known]
        if len(keep) == len(self.columns):
            return
        self.columns = tuple(self.columns[number] for number in keep)
        before, self.last = self.last, {}
        for place, (position, found) in before.items():
            self.touch(tuple(place[number] for number in keep), position, found)

    def touch(self, place: Place, position: int, found: Place) -> None:
        """Note that a group touches a place, for the row that is found by these values."""
        last, found_last = self.last.get(place, (-1, found))
        if position > last:
            self.last[place] = position, found
        elif position == last and found != found_last:
            self.last[place] = position, _SEVERAL


class Gathered:
    """Rows to be written, in the groups that write them one after the other."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._touched: dict[tuple[str, int], _Touched] = {}
        self._touched_by: dict[LiteralString, list[_Touched]] = {}
        self.groups: list[Group] = []
        self._positions: dict[LiteralString, list[int]] = defaultdict(list)

    def add(self, write: Write) -> None:
        """Put a row into the first group that may take it, into a new one at the end where none may."""
        statement, row = write.statement, write.row
        found = write.identity if statement.returning else tuple(map(row.get, statement.found_by))
        after, alone, places = -1, True, []
        for touched in self._touched_by.get(statement.sql) or self._read_touched(statement, row):
            place = tuple(map(row.__getitem__, touched.columns))
            if None in place:
                continue  # null is equal to nothing
            places.append((touched, place))
            position, found_last = touched.last.get(place, (-1, found))
            if position > after:
                after, alone = position, found_last == found
            elif position == after:
                alone = alone and found_last == found
        position = self._place(write, found, after, alone=alone)
        for touched, place in places:
            touched.touch(place, position, found)

    def take(self) -> list[Group]:
        """Return all groups, in order, and go on with none."""
        groups, self.groups = self.groups, []
        self._positions.clear()
        for touched in self._touched.values():
            touched.last.clear()
        return groups

    def _place(self, write: Write, found: Place, after: int, *, alone: bool) -> int:
        """Put a row behind the group `after`, or into that group where a statement may do both; return the position.

        `alone` says that of what that group writes only the row that is found by the same is in the way.
        """
        statement = write.statement
        for position in self._positions[statement.sql]:
            group = self.groups[position]
            if statement.returning and found in group.at:
                continue  # which of the two went in could not be told
            if position > after or (position == after and statement.verb == "insert"):  # it takes its rows in order
                group.at[found] = len(group.writes)
                group.writes.append(write)
                return position
            if position == after and alone and found in group.at and _replaces(write, group.writes[group.at[found]]):
                group.writes[group.at[found]] = write
                return position
        self.groups.append(Group(statement, [write], {found: 0}))
        self._positions[statement.sql].append(len(self.groups) - 1)
        return len(self.groups) - 1

    def _read_touched(self, statement: Statement, row: Row) -> list[_Touched]:
        """Find out which indexes a statement touches, and know no more of their places than it does."""
        indexes = self._schema.get(statement.table, ())
        known = [columns_touched(statement, index, indexes[0], frozenset(row)) for index in indexes]
        if all(one is None for one in known):
            known = [frozenset()]  # nothing tells its rows from others
        touched_by = self._touched_by[statement.sql] = []
        for number, columns in enumerate(known):
            if columns is not None:
                touched = self._touched.setdefault((statement.table, number), _Touched(tuple(sorted(columns))))
                touched.narrow(columns)
                touched_by.append(touched)
        return touched_by


def _replaces(write: Write, before: Write) -> bool:
    """Tell whether writing a row leaves nothing of what was to be written before for the same."""
    statement = write.statement
    if not statement.last_counts or not all(column in write.row for column in statement.found_by):
        return False  # by the second condition, one that stands for several of the table's
    only_inserted = statement.inserts - statement.sets
    return all(write.row.get(one) == before.row.get(one) for one in only_inserted)
