"""Brings a service's database up to date: the runtime's tables, then the service's own.

python -m messaging.migrate services/referrals          (SERVICE_DATABASE_URL)
"""

import os
import sys
from pathlib import Path

import psycopg

MIGRATING = 0x6D696772  # the advisory lock that lets one process migrate at a time

REGISTER = """
    create table if not exists migration (
        owner      text        not null,
        name       text        not null,
        applied_at timestamptz not null default now(),
        primary key (owner, name)
    )
"""


def migrate(database_url: str, service: Path) -> list[str]:
    """Apply what has not been applied yet and return its names; each file is one transaction.

    Raises `psycopg.Error` when a file fails: then it and all after it have changed nothing.
    """
    applied = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (MIGRATING,))
        connection.execute(REGISTER)
        for owner, folder in (("messaging", Path(__file__).parent), (service.name, service)):
            for file in sorted((folder / "migrations").glob("*.sql")):
                if _apply(connection, owner, file):
                    applied.append(f"{owner}/{file.stem}")
    return applied


def _apply(connection: psycopg.Connection[tuple[object, ...]], owner: str, file: Path) -> bool:
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
