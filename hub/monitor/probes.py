"""What alerts need to know beside what `./ruta status` reads: a list, to which whoever knows more adds a row.

Each probe reads one database, takes what it said last, and returns plain data; rules.py says which. Two ask several,
and stand beside these (deploy/local/alerts.py): `gaps` is what reconciliation has found, and `queue_ages`
(`vhost/name` → seconds) is taken in place of what alerts/ages.py reckons.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from hub.monitor.waiting import NOT_SHOWN
from messaging.database import Connection
from messaging.topology import GATEWAY

FIRST_LOOK: Final = timedelta(days=8)  # back, for who was heard: longer ago counts as from before
# Back from what was known last: a key's use is known by its day, which begins later than what was said just before.
AGAIN: Final = timedelta(minutes=10)
LATE_BY: Final = timedelta(minutes=1)  # a step of a deadline is late by that much, and not on its way

# Whoever uses a key, if only to read, is there; of a key it is noted once a day.
ORGANISATIONS = """
    select id, changed_at as since,
           (select max(last_used_on) from api_key where organisation = organisation.id) as used_on
    from organisation where status = 'active' order by id
"""
HEARD = """
    select organisation, max(written_at) as heard from outcome
    where written_at > greatest(%(after)s::timestamptz - %(again)s::interval, now() - %(back)s::interval)
    group by organisation
"""
OWN_SERVICES = """
    select id || '.' || system.key as service
    from organisation cross join lateral jsonb_each(systems) as system
    where status = 'active' and system.value ? 'runs' order by 1
"""
SEEN = """
    select service, max(written_at) as seen from outcome
    where written_at > greatest(%(after)s::timestamptz, now() - %(back)s::interval) and service like '%%.%%'
    group by service
"""
# Of who reads by HTTP, and of each system that does: the first that is not acknowledged; both have an index for it.
UNACKNOWLEDGED = """
    select http_reader.organisation as address, http_reader.organisation, delivered_at as since
    from http_reader cross join lateral (
        select delivered_at from delivery
        where delivery.organisation = http_reader.organisation and acknowledged_at is null and not copy
        order by number limit 1
    ) as first
    union all
    select system_reader.address, split_part(system_reader.address, '.', 1), delivered_at
    from system_reader cross join lateral (
        select delivered_at from delivery
        where delivery.organisation = split_part(system_reader.address, '.', 1)
          and delivery.address = system_reader.address and address like '%.%' and acknowledged_at is null
        order by number limit 1
    ) as first
"""
# Who waits is not whose move it is (services/referrals/rules/timing.py, `awaited`), and of a purge it is the sender.
OVERDUE = f"""
    select count(*) as overdue, min(due_at) as since,
           count(*) filter (where urgency = 'emergency') as overdue_emergencies,
           coalesce(array_agg(distinct case
               when case_code is not null then '{NOT_SHOWN}'
               when state in ('info_requested', 'completed') and unpurged = '{{}}' then recipient
               else sender end), '{{}}') as organisations
    from referral where due_at < now() - %(late)s::interval
"""
# Whose sender waits for a decision.
EMERGENCIES = """
    select count(*) as emergencies from referral
    where due_at is not null and urgency = 'emergency' and state in ('sent', 'received', 'info_requested')
"""


@dataclass(frozen=True)
class Probe:
    """One of them."""

    database: str  # of which service
    read: Callable[[Connection, Any], Any]  # with what it returned last, or None
    every: timedelta = timedelta()  # how long what it said is good for


def organisations(connection: Connection, before: Mapping[str, Any] | None) -> dict[str, dict[str, str | None]]:
    """When each organisation that takes part was last heard, and since when it does."""
    known = {name: one["heard"] for name, one in (before or {}).items() if one["heard"]}
    after = max(known.values(), default=None)
    rows = connection.execute(HEARD, {"after": after, "again": AGAIN, "back": FIRST_LOOK}).fetchall()
    heard = known | {row["organisation"]: row["heard"].isoformat() for row in rows}
    found = {}
    for row in connection.execute(ORGANISATIONS).fetchall():
        used = f"{row['used_on'].isoformat()}T00:00:00+00:00" if row["used_on"] else None
        said = max(filter(None, (heard.get(row["id"]), used)), default=None)
        found[row["id"]] = {"heard": said, "since": row["since"].isoformat()}
    return found


def unacknowledged(connection: Connection, _: Any) -> dict[str, dict[str, str]]:
    """What has lain longest in each inbox that is read by HTTP."""
    rows = connection.execute(UNACKNOWLEDGED).fetchall()
    return {row["address"]: {"organisation": row["organisation"], "since": row["since"].isoformat()} for row in rows}


def referrals(connection: Connection, _: Any) -> dict[str, Any]:
    """Referrals on whose deadline nobody has acted, who waits for that, and emergencies that wait for their answer."""
    overdue = connection.execute(OVERDUE, {"late": LATE_BY}).fetchall()[0]
    emergencies = connection.execute(EMERGENCIES).fetchall()[0]
    return {**overdue, **emergencies, "since": overdue["since"].isoformat() if overdue["since"] else None}


def own_services(connection: Connection, before: Mapping[str, Any] | None) -> dict[str, dict[str, str | None]]:
    """When each service that an organisation runs itself, `<organisation>.<system>`, was last heard."""
    known = {name: one["seen"] for name, one in (before or {}).items() if one["seen"]}
    after = max(known.values(), default=None)
    rows = connection.execute(SEEN, {"after": after, "back": FIRST_LOOK}).fetchall()
    seen = known | {row["service"]: row["seen"].isoformat() for row in rows}
    names = [row["service"] for row in connection.execute(OWN_SERVICES).fetchall()]
    return {name: {"organisation": name.partition(".")[0], "seen": seen.get(name)} for name in names}


PROBES: Final[Mapping[str, Probe]] = {
    "organisations": Probe(GATEWAY, organisations, timedelta(minutes=1)),
    "own_services": Probe(GATEWAY, own_services, timedelta(minutes=1)),
    "unacknowledged": Probe(GATEWAY, unacknowledged, timedelta(seconds=30)),
    "referrals": Probe("referrals", referrals, timedelta(seconds=30)),
}
