"""Databases that are made anew for each test or module: copies of one whose migrations have been applied once."""

from pathlib import Path

from psycopg import sql

from deploy.local import Stack
from messaging.migrate import migrate

IS_THERE = "select from pg_database where datname = %s"


def fresh(stack: Stack, name: str, service: Path) -> str:
    """Make a database as the migrations of the service in a folder leave it, whatever was there; return its address.

    Whoever is connected to the one before is cut off. What somebody was granted there ends with it; roles stay.
    """
    kept = f"{name}_as_migrated"
    first, again = sql.Identifier(kept), sql.Identifier(name)
    with stack.connect_as_administrator() as server:
        if server.execute(IS_THERE, [kept]).fetchone() is None:
            stack.drop_database(name)
            migrate(stack.create_database(name), service)
            server.execute(sql.SQL("create database {} template {}").format(first, again))
        else:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(again))
            server.execute(sql.SQL("create database {} template {} owner {}").format(again, first, again))
            server.execute(sql.SQL("revoke all on database {} from public").format(again))
    return stack.service_database_url(name)
