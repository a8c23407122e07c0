"""What it takes to pass a referral on: what came sealed of the person, who else may help, a consent that is there.

Every function takes a connection to the console's database.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from contracts.codes import CapacityState, ConsentPurpose
from hub.console.store.cases import Viewer, rows
from messaging.database import Connection, Row

SHOWN: Final = 200  # services for one need

OFFER: Final[LiteralString] = """
    select block.id as block, delivered.data -> 'request' as request
    from sealed_block block join delivered using (organisation, source, message_id)
    where block.organisation = %(organisation)s and block.referral_id = %(referral_id)s and block.kind = 'person'
        and not block.confidential and not delivered.confidential and delivered.data ? 'request'
    order by delivered.said_at desc, block.id desc limit %(limit)s
"""
# One that is full takes nobody on, until what was said of that has expired.
SERVICES: Final[LiteralString] = """
    select service_id, organisation, name, capacity, waiting, estimate_days, valid_until from service
    where active and %(need_code)s = any(need_codes) and organisation <> all(%(besides)s)
        and (capacity is distinct from %(full)s or valid_until <= %(now)s)
    order by organisation, name, service_id limit %(limit)s
"""
# One under which an organisation may pass this on to another, as referrals would have it; the last to end first.
CONSENT: Final[LiteralString] = """
    select consent_id, valid_until from consent
    where person_id = %(person_id)s and granted_to = %(granted_to)s and %(purpose)s = any(purposes)
        and %(recipient)s = any(recipients) and field_groups @> %(shares)s::text[]
        and consent_id is distinct from %(other_than)s and end_reason is null and ended_at is null
        and coalesce(suspended_at, '-infinity') <= coalesce(resumed_at, '-infinity')
        and valid_from <= %(now)s and (valid_until is null or valid_until > %(now)s)
    order by valid_until desc nulls first, consent_id limit %(limit)s
"""


def offer(connection: Connection, viewer: Viewer, referral_id: UUID) -> Row | None:
    """What the viewer's organisation was asked in a referral: the id of the `block` of the person, and the `request` as
    JSON has it, without the block. None where it has none, or has no more.
    """
    values = {"organisation": viewer.organisation, "referral_id": referral_id}
    return next(iter(rows(connection, OFFER, values, 1)), None)


def services(connection: Connection, need_code: str, now: datetime, besides: Collection[str]) -> Sequence[Row]:
    """The services for a need that take people on, as far as they have said; but those of some organisations."""
    values = {"need_code": need_code, "besides": [*besides], "full": CapacityState.FULL.value, "now": now}
    return rows(connection, SERVICES, values, SHOWN)


def consent(
    connection: Connection,
    person_id: UUID,
    *,
    granted_to: str,
    recipient: str,
    shares: Collection[str],
    other_than: UUID | None,
    now: datetime,
) -> Row | None:
    """A consent that the person has given, by which `granted_to` may pass these groups of fields on; None: there is
    none. The one that the referral itself went by does not count.
    """
    values = {
        "person_id": person_id,
        "granted_to": granted_to,
        "recipient": recipient,
        "shares": [*shares],
        "purpose": ConsentPurpose.REFER.value,
        "other_than": other_than,
        "now": now,
    }
    return next(iter(rows(connection, CONSENT, values, 1)), None)
