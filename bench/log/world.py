"""A log of so many messages over ninety days and more, made in the database: nothing of it was ever sent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as datetime_time
from typing import Any, Final
from uuid import UUID

from contracts.registry import CONTRACTS
from hub.monitor.log import keeping
from messaging.database import Connection

DAYS: Final = 95
ORGANISATIONS: Final = ("barranquilla", "redcross", "iom", "americares", "fuvadis", "oportunidades")
RARE_ORGANISATION, RARE_TYPE, RARE_CODE = "clinic", "referral.purged.v1", "too_much_parked"
COMMON_CODE: Final = "no_consent"
CODES: Final = (COMMON_CODE, "unknown_person", "already_answered", "not_allowed")
RARELY: Final = 50_000  # messages to one of what is rare, but for the shortest logs: one in a day
OF_A_SUBJECT, OF_A_STORY, WITH_A_CODE = 8, 12, 40  # messages; one of so many has a code

LONG_STORY: Final = 20_000  # messages
STORY_OF: Final = UUID("0192e9a0-0000-7000-8000-000000000000")
DAY: Final = timedelta(days=1)

# Each message has what a service says of it; about one in forty is refused, or waits.
FILL: Final = f"""
    with made as (
        insert into message (
            arrived_at, id, kind, source, organisation, recipient, type, subject, short, correlation, causation, trace,
            sent_at, digest, size, routing_key)
        select at, id, 'passed', case when of_hub then 'hub' else organisation end, organisation,
               case when of_hub then organisation end, type, subject,
               ('x' || right(replace(subject::text, '-', ''), 9))::bit(36)::bigint & ((1::bigint << 35) - 1),
               correlation, case when place %% {OF_A_STORY} <> 0 then correlation end, id, at - interval '1 second',
               sha256(id::text::bytea), 900, type
        from (
            select place, %(day)s::timestamptz + interval '1 day' * ((place + 0.5) / %(many)s) as at,
                   gen_random_uuid() as id, place %% 2 = 0 as of_hub,
                   case when place %% %(rarely)s = 7 then %(rare_organisation)s
                        else (%(organisations)s::text[])[1 + place %% cardinality(%(organisations)s::text[])]
                   end as organisation,
                   case when place %% %(rarely)s = 9 then %(rare_type)s
                        else (%(types)s::text[])[1 + (place / 7) %% cardinality(%(types)s::text[])] end as type,
                   md5('subject ' || %(day)s::text || place / {OF_A_SUBJECT})::uuid as subject,
                   md5('story ' || %(day)s::text || place / {OF_A_STORY})::uuid as correlation
            from generate_series(0, %(many)s - 1) as place
        ) as come
        returning arrived_at, id, organisation, type
    )
    insert into outcome (logged_at, message_id, organisation, type, service, state, code, said_at)
    select arrived_at, id, organisation, type, 'referrals', case when code is null then 'applied' else 'refused' end,
           code, arrived_at
    from (
        select *, case when number %% %(rarely)s = 11 then %(rare_code)s
                       when number %% {WITH_A_CODE} = 3
                       then (%(codes)s::text[])[1 + (number / {WITH_A_CODE}) %% cardinality(%(codes)s::text[])]
                  end as code
        from (select *, row_number() over () as number from made) as numbered
    ) as coded
"""
# What is counted beside (hub/monitor/log/counting.py), as long as it is kept: by minutes, by hours, and what failed.
COUNTS: Final = (
    """
    insert into flow
    select date_trunc('minute', arrived_at, 'UTC'), source, coalesce(recipient, '-'), type, count(*), sum(size)
    from message where arrived_at >= %(since)s group by 1, 2, 3, 4
    """,
    """
    insert into flow_hour
    select date_trunc('hour', minute, 'UTC'), source, recipient, type, sum(count) from flow group by 1, 2, 3, 4
    """,
    """
    insert into flow_failed
    select date_trunc('minute', logged_at, 'UTC'), organisation, service, type, count(*)
    from outcome where logged_at >= %(since)s and state = 'refused' group by 1, 2, 3, 4
    """,
    "insert into counted (since, until) values (%(since)s, %(until)s)",
)
# One story of so many messages over all days: three services have applied each, and one in a hundred is refused.
STORY: Final = """
    with made as (
        insert into message (
            arrived_at, id, kind, source, organisation, type, subject, short, correlation, causation, sent_at, digest,
            size, routing_key)
        select at, gen_random_uuid(), 'passed', organisation, organisation, type, %(id)s,
               ('x' || right(replace(%(id)s::text, '-', ''), 9))::bit(36)::bigint & ((1::bigint << 35) - 1),
               %(id)s, case when place > 0 then %(id)s end, at - interval '1 second', '', 900, type
        from (
            select place, %(since)s + place * (%(until)s - %(since)s) / %(many)s as at,
                   (%(organisations)s::text[])[1 + place %% cardinality(%(organisations)s::text[])] as organisation,
                   (%(types)s::text[])[1 + place %% cardinality(%(types)s::text[])] as type
            from generate_series(0, %(many)s - 1) as place
        ) as come
        returning arrived_at, id, organisation, type
    )
    insert into outcome (logged_at, message_id, organisation, type, service, state, code, said_at)
    select arrived_at, id, organisation, type, service,
           case when refuses then 'refused' else 'applied' end, case when refuses then %(code)s end, arrived_at
    from (select *, row_number() over () as number from made) as numbered,
         unnest(array['referrals', 'intake', 'reports']) as service,
         lateral (select number %% 100 = 7 and service = 'intake') as said (refuses)
"""
FAILURES: Final = """
    insert into failure select message_id, service, state, said_at, logged_at from outcome where state = 'refused'
"""
SAMPLE: Final = """
    select arrived_at, id, subject, correlation, organisation, type from message
    where arrived_at >= %s order by arrived_at limit %s
"""


@dataclass(frozen=True)
class Known:
    """A message that is there."""

    arrived_at: Any
    id: UUID
    subject: UUID
    correlation: UUID
    organisation: str
    type: str


def midnight(day: date) -> datetime:
    """When a day of the log begins."""
    return datetime.combine(day, datetime_time(), UTC)


def types() -> list[str]:
    """Those that come often."""
    return sorted(CONTRACTS.keys() - {RARE_TYPE})


def fill(connection: Connection, rows: int, today: date, say: Callable[[str], None]) -> None:
    """Make so many messages, as many on each of the days until `today`, what is counted of them, and one long story."""
    each = max(1, rows // DAYS)
    for past in range(DAYS):
        day = today - timedelta(days=DAYS - 1 - past)
        for table in keeping.TABLES:
            keeping.make_partition(connection, table, day)
        params = {
            "day": f"{day} 00:00:00+00",
            "many": each + (rows - each * DAYS if past == DAYS - 1 and rows > each * DAYS else 0),
            "rarely": min(RARELY, each),
            "organisations": list(ORGANISATIONS),
            "types": types(),
            "codes": list(CODES),
            "rare_organisation": RARE_ORGANISATION,
            "rare_type": RARE_TYPE,
            "rare_code": RARE_CODE,
        }
        connection.execute(FILL, params)
        connection.commit()
        if past % 19 == 18:
            say(f"made {past + 1} of {DAYS} days")
    everybody, all_types = list(ORGANISATIONS), types()
    moments = {"since": midnight(today) - keeping.FLOW_FOR, "until": midnight(today) + DAY}
    for statement in COUNTS:
        connection.execute(statement, moments)
    connection.execute(
        STORY,
        {
            "id": STORY_OF,
            "many": LONG_STORY,
            "since": midnight(today) - (DAYS - 1) * DAY,
            "until": midnight(today) + DAY,
            "organisations": everybody,
            "types": all_types,
            "code": COMMON_CODE,
        },
    )
    connection.execute(FAILURES)
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False


def sample(connection: Connection, today: date, many: int) -> list[Known]:
    """Messages of every day, as many of each."""
    found: list[Known] = []
    for past in range(DAYS):
        day = today - timedelta(days=past)
        rows = connection.execute(SAMPLE, (f"{day} {past % 24:02}:30:00+00", many // DAYS + 1)).fetchall()
        found += [Known(**row) for row in rows]
    connection.commit()
    return found
