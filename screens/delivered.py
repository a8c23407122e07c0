"""What the gateway of the invented console has delivered of what its message log tells: not everybody has read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from deploy.local import Stack
from deploy.local.state import ROOT
from messaging.migrate import migrate
from messaging.topology import GATEWAY
from screens import frozen
from screens.cases import an_id

DATABASE: Final = "delivered_shown"
DELIVERED: Final = (
    ("redcross", "received", 2998, 2000),
    ("redcross", "accepted", 1799, None),
    ("iom", "accepted", 1798, 1500),
)
"""To whom, of what state of the referral it tells, how many seconds ago it was delivered, and read."""
DELIVER: Final = """
    insert into delivery (organisation, number, address, message_id, type, subject, delivered_at, acknowledged_at)
    values (%s, %s, %s, %s, 'referral.status.v1', %s, %s, %s)
"""


class Delivered:
    """The gateway's database, of which operators see who has what."""

    def __init__(self, stack: Stack) -> None:
        stack.drop_database(DATABASE)
        self._url = stack.create_database(DATABASE)
        migrate(self._url, ROOT / "hub" / "gateway")
        self.operators = {GATEWAY: stack.provide_operator(DATABASE, acts=True)}
        for number, (to, state, delivered, read) in enumerate(DELIVERED, 1):
            id, referral = an_id(f"logged {state} {to}"), an_id("logged")
            at = (_at(delivered), None if read is None else _at(read))
            self._execute(DELIVER, to, number, to, id, str(referral), *at)
            self._execute("insert into http_reader values (%s) on conflict do nothing", to)

    def _execute(self, sql: Any, *params: object) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql, params)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have the database let no operator in, within the block."""
        self._execute(f"revoke connect on database {DATABASE} from {DATABASE}_operator")
        try:
            yield
        finally:
            self._execute(f"grant connect on database {DATABASE} to {DATABASE}_operator")


def _at(seconds_ago: float) -> datetime:
    return frozen.NOW - timedelta(seconds=seconds_ago)
