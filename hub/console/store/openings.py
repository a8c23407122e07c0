"""When somebody at the organisation that is asked has first had the page of a case before them.

Every function takes a connection to the console's database.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from hub.console.store.cases import Case, Viewer
from messaging.database import Connection

KEEP: Final[LiteralString] = """
    insert into opened (organisation, referral_id, opened_at) select %s, unnest(%s::uuid[]), %s on conflict do nothing
"""
OF: Final[LiteralString] = """
    select referral_id, organisation, opened_at from opened where referral_id = any(%s)
"""


def keep(connection: Connection, viewer: Viewer, case: Case, now: datetime) -> None:
    """Keep that somebody of the viewer's organisation has what it was sent before them."""
    theirs = [row["referral_id"] for row in case.referrals if row["recipient"] == viewer.organisation]
    if theirs:
        connection.execute(KEEP, (viewer.organisation, theirs, now))


def of(connection: Connection, case: Case) -> Mapping[UUID, datetime]:
    """When the referrals of a case were opened first, by whoever each of them was sent to."""
    recipients = {row["referral_id"]: row["recipient"] for row in case.referrals}
    rows = connection.execute(OF, ([*recipients],)).fetchall()
    return {row["referral_id"]: row["opened_at"] for row in rows
            if row["organisation"] == recipients[row["referral_id"]]}  # fmt: skip
