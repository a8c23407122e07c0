"""A service's database as its migrations have left it, again and again."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from psycopg import sql

from messaging.database import Connection, Row

# Of the runtime's tables: the writer is of the connection that stays, and is nothing that a sequence ends in. What came
# of parked messages has a row for each attempt, of which there are more or fewer in batches. What is confidential is
# known by hashes, also of the ids of what was said, which are others each time.
STAY: Final = (
    "migration", "outbox_writer", "parked_operation", "parked_outcome", "parked_selected", "replayed",
    "confidential_hash",
)  # fmt: skip

TABLES: Final = """
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by relname
"""
REFERENCES: Final = """
    select distinct conrelid::regclass::text as name, confrelid::regclass::text as refers_to from pg_constraint
    where contype = 'f' and conrelid <> confrelid
"""

# Times of the machine's clock, and numbers that only count up.
UNLIKE: Final = {
    "inbox": ("received_at",),
    "parked": ("parked_id", "attempts", "error", "parked_at", "next_attempt_at", "raw"),
    "forgotten": ("since",),
    "outbox": ("writer", "recorded_at"),
}


class Emptied:
    """Knows which rows the migrations have made, and brings the tables back to those."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        tables = [row["name"] for row in connection.execute(TABLES) if row["name"] not in STAY]
        self._tables = in_order(tables, connection.execute(REFERENCES).fetchall())
        self._filled = [table for table in self._tables if self._has_rows(table)]
        connection.execute("create schema made")
        for table in self._filled:
            name = sql.Identifier(table)
            connection.execute(sql.SQL("create table made.{} as table {}").format(name, name))
        self._empty = sql.SQL("; ").join(
            [*(self._deletion(table) for table in self._tables), *(self._filling(table) for table in self._filled)]
        )
        self._read = sql.SQL(" union all ").join(self._reading(table) for table in self._tables)

    def empty(self) -> None:
        """Take out everything that the migrations have not made, and bring back what they have."""
        self._connection.execute(self._empty)

    def read(self) -> dict[str, Sequence[Mapping[str, Any]]]:
        """Return the rows of each table that the migrations have not made."""
        rows: dict[str, Sequence[Mapping[str, Any]]] = {table: [] for table in self._tables}
        for row in self._connection.execute(self._read):
            rows[row["name"]] = row["rows"]
        return rows

    def _has_rows(self, table: str) -> bool:
        query = sql.SQL("select from {} limit 1").format(sql.Identifier(table))
        return self._connection.execute(query).fetchone() is not None

    def _others(self, table: str) -> sql.Composable:
        name = sql.Identifier(table)
        if table not in self._filled:
            return sql.SQL("true")
        return sql.SQL("not exists (select from made.{} as made where made = one)").format(name)

    def _deletion(self, table: str) -> sql.Composable:
        return sql.SQL("delete from {} as one where {}").format(sql.Identifier(table), self._others(table))

    def _filling(self, table: str) -> sql.Composable:
        name = sql.Identifier(table)
        return sql.SQL(
            "insert into {} select * from made.{} as made where not exists (select from {} as one where one = made)"
        ).format(name, name, name)

    def _reading(self, table: str) -> sql.Composable:
        return sql.SQL(
            """
            select {} as name, jsonb_agg(to_jsonb(one) - {}::text[] order by {}) as rows from {} as one where {}
            having count(*) > 0
            """
        ).format(
            sql.Literal(table),
            sql.Literal(list(UNLIKE.get(table, ()))),
            sql.Identifier("position" if table == "outbox" else "ctid"),
            sql.Identifier(table),
            self._others(table),
        )


def in_order(tables: Sequence[str], references: Sequence[Row]) -> list[str]:
    """Each table before those that it refers to."""
    ordered: list[str] = []
    while len(ordered) < len(tables):
        for table in tables:
            referring = {row["name"] for row in references if row["refers_to"] == table}
            if table not in ordered and referring <= {*ordered}:
                ordered.append(table)
    return ordered
