"""Whose a referral is among the staff of an organisation, and who stands in for whom.

What is nobody's is everybody's; so is what is of somebody who may not come in any more. While somebody is away, what is
theirs, or becomes theirs, is shown to the colleague whom they have named as that colleague's own. It ends by the clock.

Every function takes a connection to the console's database.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from messaging.database import Connection, Row

HELD_SHOWN: Final = 1_000
"""Of all that somebody has taken, so many are looked at: those that were taken last."""
COLLEAGUES_SHOWN: Final = 200

HOLDERS: Final[LiteralString] = """
    select held.referral_id, held.staff, holder.name, holder.status = 'active' as may_come_in,
        colleague.code as colleague, colleague.name as colleague_name
    from assignment held
    join staff holder on holder.code = held.staff
    left join absence on absence.staff = held.staff and absence.ends_at > %(now)s
    left join staff colleague on colleague.code = absence.colleague and colleague.status = 'active'
    where held.organisation = %(organisation)s and held.referral_id = any(%(referral_ids)s)
"""
KEEP: Final[LiteralString] = """
    insert into assignment (organisation, referral_id, staff, since) values (%s, %s, %s, %s)
    on conflict (organisation, referral_id) do update set staff = excluded.staff, since = excluded.since
"""
PUT_BACK: Final[LiteralString] = "delete from assignment where organisation = %s and referral_id = %s"
COLLEAGUES: Final[LiteralString] = """
    select staff.code, staff.name, staff.roles, absence.staff is not null as is_away from staff
    left join absence on absence.staff = staff.code and absence.ends_at > %(now)s
    where organisation = %(organisation)s and status = 'active' and roles && %(roles)s
    order by name, code limit %(limit)s
"""
STOOD_IN_FOR: Final[LiteralString] = """
    select absence.staff, away.name, absence.ends_at from absence join staff away on away.code = absence.staff
    where absence.colleague = %s and absence.ends_at > %s and away.status = 'active' order by away.name, away.code
"""
ABSENCE: Final[LiteralString] = """
    select absence.staff, absence.colleague, staff.name, staff.status = 'active' as may_come_in, absence.ends_at
    from absence join staff on staff.code = absence.colleague where absence.staff = %s and absence.ends_at > %s
"""
BEGIN: Final[LiteralString] = """
    insert into absence (staff, colleague, began_at, ends_at) values (%s, %s, %s, %s)
    on conflict (staff) do update set colleague = excluded.colleague, began_at = excluded.began_at,
        ends_at = excluded.ends_at
"""
END: Final[LiteralString] = "delete from absence where staff = %s and ends_at > %s returning colleague"
TAKE_TURN: Final[LiteralString] = "select pg_advisory_xact_lock(hashtextextended(%s, 21))"


@dataclass(frozen=True)
class Holder:
    """Whose a referral is."""

    staff: str
    name: str
    may_come_in: bool
    """If not, it is everybody's again."""
    colleague: str | None
    """Who stands in for them, if somebody does."""
    colleague_name: str | None

    def is_of(self, staff: str) -> bool:
        """Whether it is somebody's own, or theirs for as long as they stand in."""
        return self.may_come_in and staff in (self.staff, self.colleague)


def holders(
    connection: Connection, organisation: str, referral_ids: Collection[UUID], now: datetime
) -> Mapping[UUID, Holder]:
    """Whose each referral is among an organisation's staff; without those that nobody has taken."""
    values = {"organisation": organisation, "referral_ids": [*referral_ids], "now": now}
    rows = connection.execute(HOLDERS, values).fetchall()
    return {row.pop("referral_id"): Holder(**row) for row in rows}


def take_turn(connection: Connection, organisation: str) -> None:
    """Let nobody else of an organisation change whose a referral is, or who is away, until the transaction ends."""
    connection.execute(TAKE_TURN, (f"holding {organisation}",))


def keep(connection: Connection, organisation: str, referral_id: UUID, staff: str, now: datetime) -> None:
    """Make a referral somebody's."""
    connection.execute(KEEP, (organisation, referral_id, staff, now))


def put_back(connection: Connection, organisation: str, referral_id: UUID) -> None:
    """Make a referral everybody's."""
    connection.execute(PUT_BACK, (organisation, referral_id))


def colleagues(connection: Connection, organisation: str, roles: Collection[str], now: datetime) -> Sequence[Row]:
    """Who of an organisation may come in with one of these roles, by their names, and whether they are away."""
    values = {"organisation": organisation, "roles": [*roles], "now": now, "limit": COLLEAGUES_SHOWN}
    return connection.execute(COLLEAGUES, values).fetchall()


def stood_in_for(connection: Connection, staff: str, now: datetime) -> Sequence[Row]:
    """Whom somebody stands in for, and until when."""
    return connection.execute(STOOD_IN_FOR, (staff, now)).fetchall()


def whose(connection: Connection, staff: str, now: datetime) -> Sequence[str]:
    """All whose cases are somebody's: their own, and those of whom they stand in for."""
    return [staff, *(row["staff"] for row in stood_in_for(connection, staff, now))]


def absence(connection: Connection, staff: str, now: datetime) -> Row | None:
    """Who stands in for somebody, and until when; None where they are not away."""
    return connection.execute(ABSENCE, (staff, now)).fetchone()


def begin_absence(connection: Connection, staff: str, colleague: str, now: datetime, ends_at: datetime) -> None:
    """Have a colleague stand in for somebody, in place of what was said before."""
    connection.execute(BEGIN, (staff, colleague, now, ends_at))


def end_absence(connection: Connection, staff: str, now: datetime) -> str | None:
    """End an absence; who stood in, or None where there was none."""
    row = connection.execute(END, (staff, now)).fetchone()
    return None if row is None else str(row["colleague"])
