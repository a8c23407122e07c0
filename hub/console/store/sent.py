"""What hosted organisations were sent about people, as far as it is clear: which blocks there are, whose a receipt is.

Every function takes a connection to the console's database and a `Viewer`.
"""

from collections.abc import Collection, Sequence
from typing import Final, LiteralString
from uuid import UUID

from hub.console.store.cases import MAY_SEE, SHOWN, Viewer, rows
from messaging.database import Connection, Row

AT_MOST: Final = 100  # blocks of a case: so many custody opens at once
RECEIPTS: Final = 10

# What is to be recorded of who looks, and what of a block its list shows, without anything that is sealed. Who wrote a
# note, its message says by itself (`referral.note_brought`), or it came with a step (`referral.status`).
BLOCKS: Final[LiteralString] = """
    select block.id, block.kind, block.referral_id, delivered.said_at,
        coalesce(delivered.data ->> 'noted_by', delivered.data ->> 'changed_by') as written_by,
        delivered.data -> 'request' -> 'contact' as contact
    from sealed_block block join delivered using (organisation, source, message_id)
    where block.organisation = %(organisation)s and block.referral_id = any(%(referral_ids)s)
        and block.kind in ('person', 'note') and not block.confidential and not delivered.confidential
    order by block.kind desc, delivered.said_at desc, block.id desc limit %(limit)s
"""

# The name that the organisation was told last to coordinate, of each of these people who still allows it.
NAMES: Final[LiteralString] = """
    select distinct on (person_id) block.id, block.kind, block.person_id, delivered.said_at
    from sealed_block block join delivered using (organisation, source, message_id)
    where block.organisation = %(organisation)s and block.person_id = any(%(people)s) and block.kind = 'name'
        and may_be_named(block.consent_id, block.organisation, block.person_id)
    order by person_id, delivered.said_at desc, block.id desc limit %(limit)s
"""

AMONG: Final[LiteralString] = f"""
    select {SHOWN}, person_id from referral where referral_id = any(%(referral_ids)s) and {MAY_SEE}
"""

OF_PEOPLE: Final[LiteralString] = f"""
    select {SHOWN}, person_id from referral where person_id = any(%(people)s) and {MAY_SEE}
    order by changed_at desc, referral_id limit %(limit)s
"""

OF_RECEIPT: Final[LiteralString] = """
    select people from delivered
    where organisation = %(organisation)s and data ->> 'receipt_code' = %(code)s and not confidential
    limit %(limit)s
"""


def blocks(connection: Connection, viewer: Viewer, referral_ids: Sequence[UUID]) -> list[Row]:
    """The blocks that the viewer's organisation was sent with these referrals: people first, then what came last."""
    values = {"organisation": viewer.organisation, "referral_ids": [*referral_ids]}
    return rows(connection, BLOCKS, values, AT_MOST)


def names(connection: Connection, viewer: Viewer, people: Collection[UUID]) -> list[Row]:
    """The blocks with the names of these people that the viewer may see to coordinate."""
    if not viewer.names:
        return []
    return rows(connection, NAMES, {"organisation": viewer.organisation, "people": [*people]}, AT_MOST)


def of_people(connection: Connection, viewer: Viewer, people: Collection[UUID], limit: int) -> list[Row]:
    """The referrals of these people that a viewer may see, the last changed first."""
    values = {"organisation": viewer.organisation, "coordinates": viewer.coordinates, "people": [*people]}
    return rows(connection, OF_PEOPLE, values, limit) if people else []


def among(connection: Connection, viewer: Viewer, referral_ids: Sequence[UUID]) -> list[Row]:
    """Those of referrals that a viewer may see, in the order in which they are named."""
    values = {
        "organisation": viewer.organisation,
        "coordinates": viewer.coordinates,
        "referral_ids": [*referral_ids],
    }
    found = {row["referral_id"]: row for row in rows(connection, AMONG, values)}
    return [found[id] for id in dict.fromkeys(referral_ids) if id in found]


def by_receipt(connection: Connection, viewer: Viewer, code: str, limit: int) -> list[Row]:
    """The referrals that a viewer may see of whom the viewer's organisation was sent this receipt for."""
    values = {"organisation": viewer.organisation, "coordinates": viewer.coordinates, "code": code}
    people = {one for row in rows(connection, OF_RECEIPT, values, RECEIPTS) for one in row["people"]}
    return of_people(connection, viewer, people, limit)
