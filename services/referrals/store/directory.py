"""The services that organisations offer."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.referrals import rules
from services.referrals.rules import Referral, Service

ALTERNATIVES_AT_MOST: Final = 10

PUBLISH_SERVICE: Final = """
    insert into service (service_id, organisation, need_codes, active, published_at)
    values (%(service_id)s, %(organisation)s, %(need_codes)s, %(active)s, %(published_at)s)
    on conflict (service_id) do update
        set need_codes = excluded.need_codes, active = excluded.active, published_at = excluded.published_at
        where service.organisation = excluded.organisation and service.published_at < excluded.published_at
    returning service_id
"""

SERVICES: Final = """
    select service_id as key, service_id, organisation, need_codes, active, published_at
    from service where service_id = any(%b::uuid[])
"""


def publish_service(tx: Transaction, service: Service) -> None:
    """Keep what an organisation says of a service of its own, unless it has said something newer."""
    row = {
        "service_id": service.service_id,
        "organisation": service.organisation,
        "need_codes": sorted(service.need_codes),
        "active": service.active,
        "published_at": service.published_at,
    }
    if not tx.fetch(PUBLISH_SERVICE, row):
        known = find_service(tx, service.service_id)
        raise rules.Refused("superseded" if known.organisation == service.organisation else "service_of_another")
    tx.put(SERVICES, service.service_id, service)


def find_service(tx: Transaction, service_id: UUID) -> Service:
    """Return a service; raise TooEarly while its organisation has not published it."""
    service = tx.load(SERVICES, service_id, _to_service)
    if service is None:
        raise rules.TooEarly("service", str(service_id))
    return service


def _to_service(row: Row) -> Service:
    return Service(**{**row, "need_codes": frozenset(row["need_codes"])})


# One service of each organisation, the one it spoke of last: however many it publishes, it is suggested once.
PROVIDERS: Final = """
    select distinct on (need_code, organisation) need_code, service_id, organisation
    from unnest(%s::text[]) as need_code join service on service.need_codes @> array[need_code]
    where service.active
    order by need_code, organisation, published_at desc, service_id
"""


def find_alternatives(tx: Transaction, referrals: Iterable[Referral]) -> dict[UUID, list[tuple[str, UUID]]]:
    """Return, for each referral, organisations not party to it that offer what is needed, and the service of each."""
    referrals = list(referrals)
    if not referrals:
        return {}
    rows = tx.fetch(PROVIDERS, (sorted({referral.need_code for referral in referrals}),))
    return {
        referral.referral_id: [
            (row["organisation"], row["service_id"])
            for row in rows
            if row["need_code"] == referral.need_code and row["organisation"] not in referral.parties
        ][:ALTERNATIVES_AT_MOST]
        for referral in referrals
    }
