"""Requests: services/referrals, on a service and a consent for each, and its floor with the same in its tables.

The service learns of the services and the consents from messages, which stand in its queue before the requests. The
floor knows no such messages: it finds the rows in its tables.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from pydantic_core import to_json

import contracts
from bench import measure, requests
from bench.contenders import OWN, RUNTIME_UNPUBLISHED, Contender, of_the_hub
from bench.ground import Ground
from bench.measure import Throughput, Work
from bench.messages import Sent, say
from bench.real import same
from deploy.local.state import ROOT

SERVICE: Final = of_the_hub("referrals", "requests")
FLOOR: Final = Contender(
    "requests_floor",
    [*OWN, "bench.real.requests_floor"],
    RUNTIME_UNPUBLISHED,
    service=ROOT / "services" / "referrals",
)

EVERY: Final = 10  # of so many requests one is a double
SENT_OR_REFUSED: Final = "select count(*) + (select sum(refused) from outbox_writer) from referral"

SERVICES: Final = """
    insert into service (service_id, organisation, need_codes, active, published_at, name, zones)
    select service_id, organisation, need_codes, active, published_at, name, zones
    from jsonb_populate_recordset(null::service, %s::jsonb)
"""
CONSENTS: Final = """
    insert into consent (consent_id, person_id, granted_to, purposes, recipients, field_groups, valid_from)
    select consent_id, person_id, granted_to, purposes, recipients, field_groups, valid_from
    from jsonb_populate_recordset(null::consent, %s::jsonb)
"""


def measure_service(ground: Ground, asked: Sequence[Sent]) -> tuple[Throughput, same.Looked]:
    """Let the service work off requests; what it has written is returned beside the figures."""
    return _measure(ground, SERVICE, Work(asked, before=_before(asked)), prepare=lambda ground: None)


def measure_with_doubles(ground: Ground, asked: Sequence[Sent]) -> Throughput:
    """Let the service work off requests of which every tenth is kept out by the database, and refused."""
    doubled = with_doubles(asked)
    return measure.throughput(ground, SERVICE, Work(doubled, before=_before(asked), written=SENT_OR_REFUSED))


def with_doubles(asked: Sequence[Sent]) -> list[Sent]:
    """Put in place of every tenth request the one before it, under other ids: the same person at the same service."""
    made = list(asked)
    for place in range(EVERY - 1, len(made), EVERY):
        first = contracts.parse(made[place - 1].body)
        referral_id = contracts.uuid7()
        double = first.data.model_copy(update={"referral_id": referral_id})
        made[place] = say(contracts.Draft(double, subject=str(referral_id)), source=first.source)
    return made


def measure_floor(ground: Ground, asked: Sequence[Sent]) -> tuple[Throughput, same.Looked]:
    """Let the floor do the same."""
    return _measure(ground, FLOOR, Work(asked), prepare=lambda ground: write_down(ground, _before(asked)))


def _measure(
    ground: Ground, contender: Contender, work: Work, prepare: Callable[[Ground], None]
) -> tuple[Throughput, same.Looked]:
    looked: list[same.Looked] = []

    def look(ground: Ground) -> None:
        looked.append(same.look(ground, work.messages))

    one = measure.throughput(ground, contender, work, before=prepare, after=look)
    return one, looked[0]


def _before(asked: Sequence[Sent]) -> list[Sent]:
    return [requests.service_of(asked[0]), *map(requests.consent_of, asked)]


def write_down(ground: Ground, learnt: Sequence[Sent]) -> None:
    """Write services and consents into the tables, as the service would have."""
    messages = [contracts.parse(one.body) for one in learnt]
    services = [
        {**dict(one.data), **_published(one)} for one in messages if isinstance(one.data, contracts.ServicePublished)
    ]
    consents = [dict(one.data) for one in messages if isinstance(one.data, contracts.ConsentRecorded)]
    with psycopg.connect(ground.database_url) as connection:
        for query, rows in ((SERVICES, services), (CONSENTS, consents)):
            connection.execute(query, (to_json(rows).decode(),))


def _published(message: contracts.Message) -> dict[str, Any]:
    return {"organisation": message.source, "published_at": message.time}
