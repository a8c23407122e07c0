"""Brings a service's database up to date: the runtime's tables, then the service's own.

python -m messaging.migrate services/referrals          (SERVICE_DATABASE_URL)
"""

import os
import sys
from pathlib import Path

import psycopg

from messaging import database

MIGRATING = 0x6D696772  # the advisory lock that lets one process migrate at a time
ANSWER_WITHIN = 600.0  # seconds for one file: over a large table it may take minutes
LOCK_WITHIN = "60s"  # for another process that migrates, and for the tables that others use
UNUSED_WITHIN = "40s"  # one that froze, or was never answered, keeps that lock no longer than this

REGISTER = """
    create table if not exists migration (
        owner      text        not null,
        name       text        not null,
        applied_at timestamptz not null default now(),
        primary key (owner, name)
    )
"""


WHO_MIGRATES = """
    select session.pid, coalesce(nullif(session.application_name, ''), 'no name') as name,
           coalesce(host(session.client_addr), 'the server itself') as host
    from pg_locks as lock join pg_stat_activity as session using (pid)
    where lock.locktype = 'advisory' and lock.granted and lock.objid = %s
      and lock.database = (select oid from pg_database where datname = current_database())
"""


def migrate(database_url: str, service: Path) -> list[str]:
    """Apply what has not been applied yet and return its names; each file is one transaction.

    Raises `psycopg.Error` when a file fails, or the database does not answer within ANSWER_WITHIN, or LOCK_WITHIN is
    over: then the file and all after it have changed nothing (of a commit that was not answered nothing is known). Who
    has kept a table for so long, and stands, is ended then, and the next run goes on.
    """
    applied = []
    with database.connect(database_url, answer_within=ANSWER_WITHIN, unused_within=UNUSED_WITHIN) as connection:
        connection.autocommit = True
        connection.execute(f"set lock_timeout = '{LOCK_WITHIN}'")
        _take_turn(connection)
        connection.execute(REGISTER)
        for owner, folder in (("messaging", Path(__file__).parent), (service.name, service)):
            for file in sorted((folder / "migrations").glob("*.sql")):
                try:
                    if _apply(connection, owner, file):
                        applied.append(f"{owner}/{file.stem}")
                except psycopg.errors.LockNotAvailable:
                    database.end_frozen(connection)
                    raise
    return applied


def _take_turn(connection: database.Connection) -> None:
    """Wait until no other process migrates this database. Raises LockNotAvailable, which says who does."""
    try:
        connection.execute("select pg_advisory_lock(%s)", (MIGRATING,))
    except psycopg.errors.LockNotAvailable:
        found = connection.execute(WHO_MIGRATES, (MIGRATING,)).fetchall()
        who = ", ".join(f"session {row['pid']} ({row['name']}) from {row['host']}" for row in found)
        raise psycopg.errors.LockNotAvailable(
            f"another process has been migrating it for {LOCK_WITHIN}: {who or 'it has just ended'}"
        ) from None


def _apply(connection: database.Connection, owner: str, file: Path) -> bool:
    with connection.transaction():
        known = connection.execute("select 1 from migration where owner = %s and name = %s", (owner, file.stem))
        if known.fetchone():
            return False
        connection.execute(file.read_bytes())
        connection.execute("insert into migration (owner, name) values (%s, %s)", (owner, file.stem))
    return True


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m messaging.migrate services/NAME")
    for name in migrate(os.environ["SERVICE_DATABASE_URL"], Path(sys.argv[1])):
        print(f"applied {name}")
