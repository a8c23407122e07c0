"""What the log tells of each organisation: what admission refused to it, and which old contracts it still says.

    refused_by_code(connection, since, codes)   -> the most often first
    older_versions(connection, since)

It is run in whatever transaction is open, and writes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import contracts
from messaging.database import Connection

REFUSED: Final = """
    select organisation, code, sum(count)::bigint as count from (
        select organisation, code, count(*) as count from outcome
        where code = any(%(codes)s::text[]) and logged_at >= %(since)s and service = 'gateway' and state = 'refused'
          and not confidential
        group by organisation, code
        union all
        select organisation, code, sum(count) from refused_beyond
        where minute >= %(since)s and organisation <> '-' group by organisation, code
    ) as refused
    group by organisation, code order by count desc, organisation, code
"""
SAID: Final = """
    select source as organisation, type, sum(count)::bigint as count from flow
    where minute >= %s and type = any(%s::text[]) and source <> all(%s::text[])
    group by source, type order by source, type
"""


@dataclass(frozen=True, slots=True)
class RefusedByCode:
    """How often admission has refused something to an organisation."""

    organisation: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Older:
    """That an organisation says something in another version of a contract than the newest."""

    organisation: str
    type: str
    newest: str
    count: int


def refused_by_code(connection: Connection, since: datetime, codes: Collection[str]) -> list[RefusedByCode]:
    """How often admission has refused which organisation what since then, by code; the most often first.

    Of what is logged one by one and of what is only counted, by each entrance; of confidential cases nothing.
    """
    rows = connection.execute(REFUSED, {"since": since, "codes": list(codes)}).fetchall()
    return [RefusedByCode(**row) for row in rows]


def older_versions(connection: Connection, since: datetime) -> list[Older]:
    """Who has said what since then in a version that is not its contract's newest; of confidential cases nothing."""
    newest = {one.name: one.type for one in sorted(contracts.CONTRACTS.values(), key=lambda one: one.version)}
    older = {one.type: newest[one.name] for one in contracts.CONTRACTS.values() if newest[one.name] != one.type}
    rows = connection.execute(SAID, (since, list(older), ["hub", "-"])).fetchall()
    return [Older(newest=older[row["type"]], **row) for row in rows]
