"""What staff have decided, from the form that they sent to what the network made of it.

Every function takes a connection to the console's database.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

import contracts
from contracts import Draft
from contracts.fields import Model
from hub.console.hosting import CONSOLE
from messaging.database import Connection, Row


class ActState(StrEnum):
    """How far an act has come. But for the first two it is what the gateway tells."""

    KEPT = "kept"
    """Here, and not said yet."""
    UNDONE = "undone"
    ACCEPTED = "accepted"
    WAITS = "waits"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    """Operators look into it, and may let it be tried again."""
    APPLIED = "applied"


ENDS: Final = frozenset({ActState.UNDONE, ActState.REFUSED, ActState.APPLIED})
ENDED: Final[LiteralString] = "state in ('undone', 'refused', 'applied')"
KEPT_FOR: Final = "90 days"  # once it has ended
SHOWN: Final[LiteralString] = """
    message_id, organisation, staff, referral_id, batch, contract, state, code, said_by, problem, kept_at, say_at,
    changed_at, follows, state = 'kept' and look_at is null as has_no_turn
"""
KEEP: Final[LiteralString] = """
    insert into act (message_id, organisation, staff, referral_id, batch, contract, message, follows, say_at, look_at)
    select message_id, %(organisation)s, %(staff)s, referral_id, %(batch)s, contract, message, follows, at,
        case when follows is null then at end
    from unnest(
            %(ids)s::uuid[], %(referrals)s::uuid[], %(contracts)s::text[], %(messages)s::text[], %(follows)s::uuid[]
        ) with ordinality as new (message_id, referral_id, contract, message, follows, place),
        (select clock_timestamp() + %(hold)s as at) as hold
    order by place
    on conflict do nothing
    returning message_id, state
"""
TAKE_TURN: Final[LiteralString] = "select pg_advisory_xact_lock(hashtextextended(%s, 20))"
FIND: Final[LiteralString] = f"select {SHOWN} from act where message_id = %s and organisation = %s"
ABOUT: Final[LiteralString] = f"""
    select {SHOWN} from act where organisation = %s and referral_id = any(%s) and staff is not null
    and (not {ENDED} or changed_at > clock_timestamp() - %s) order by kept_at
"""
# What is applied stays under way until its fact is here, which a moment later it is: the page of a case shows facts.
UNDER_WAY: Final[LiteralString] = """
    select distinct referral_id from act
    where organisation = %s and referral_id = any(%s) and (
        state in ('kept', 'accepted', 'waits')
        or state = 'applied' and changed_at > clock_timestamp() - interval '5 minutes'
        and starts_with(contract, 'referral.')
        and not exists (
            select from step where step.referral_id = act.referral_id and step.changed_by = act.organisation
            and step.changed_at > act.kept_at - interval '5 seconds'
        ) and not exists (
            select from event where event.referral_id = act.referral_id and event.noted_by = act.organisation
            and event.noted_at > act.kept_at - interval '5 seconds'
        )
    )
"""
STUCK: Final[LiteralString] = """
    select distinct referral_id, contract from act
    where organisation = %s and referral_id = any(%s) and state = 'quarantined'
"""
OF_BATCH: Final[LiteralString] = (
    f"select {SHOWN} from act where batch = %s and organisation = %s order by kept_at, message_id"
)
"""In the order in which they were decided, which is that of the form."""
UNDO_BATCH: Final[LiteralString] = """
    update act set state = 'undone', message = null, look_at = null, changed_at = clock_timestamp()
    where batch = %s and organisation = %s and state = 'kept' and said_at is null and say_at > clock_timestamp()
    returning message_id
"""
# With what it follows, where that is in time; what still waits for that can be undone by itself.
UNDO: Final[LiteralString] = """
    update act set state = 'undone', message = null, look_at = null, changed_at = clock_timestamp()
    where message_id in (%(id)s, (select follows from act where message_id = %(id)s))
    and organisation = %(organisation)s and state = 'kept' and said_at is null
    and (say_at > clock_timestamp() or look_at is null)
    returning message_id
"""
HAS_SAID: Final[LiteralString] = "select from act where organisation = %s and referral_id = %s and contract = %s"
DUE_OF: Final[LiteralString] = "select distinct organisation from act where look_at <= clock_timestamp()"
# Whoever may not come in any more says nothing: what they had just decided is undone.
STOP: Final[LiteralString] = """
    update act set state = 'undone', code = 'staff_suspended', message = null, look_at = null,
        changed_at = clock_timestamp()
    where (look_at <= clock_timestamp() or look_at is null and follows is not null)
    and state = 'kept' and said_at is null and organisation = %s and staff is not null
    and not exists (select from staff where staff.code = act.staff and staff.status = 'active')
"""
# Of one referral in the order in which it was decided, so that what is said first is what was decided first. Of several
# what somebody has decided comes first, who waits before a screen, with what has to be said of its referral before it:
# not behind what the console says of all it gets.
DUE: Final[LiteralString] = """
    select message_id, organisation, referral_id, contract, state, said_at, clock_timestamp() - kept_at as age from act
    where organisation = %s and look_at <= clock_timestamp() and not exists (
        select from act as before where before.organisation = act.organisation
        and before.referral_id = act.referral_id and before.state = 'kept' and before.look_at is not null
        and (before.kept_at, before.message_id) < (act.kept_at, act.message_id)
    )
    order by staff is null and not exists (
        select from act as behind where behind.organisation = act.organisation
        and behind.referral_id = act.referral_id and behind.state = 'kept' and behind.staff is not null
        and behind.look_at <= clock_timestamp()
    ), look_at, message_id limit %s
"""
# Just before it is said, and in a transaction of its own: who undoes, erases or suspends meanwhile has been in time, or
# knows that it was not.
BEGIN_TO_SAY: Final[LiteralString] = """
    update act set said_at = clock_timestamp()
    where message_id = %s and state = 'kept' and said_at is null and (
        staff is null or exists (select from staff where staff.code = act.staff and staff.status = 'active')
    )
    returning message
"""
MESSAGE: Final[LiteralString] = "select message from act where message_id = %s"
HAS_DELETED: Final[LiteralString] = """
    select referral_id from act where organisation = %s and said_at is not null and look_at is not null
    and starts_with(contract, 'referral.purged.')
"""
GIVE_UP: Final[LiteralString] = """
    update act set state = 'undone', code = 'no_screens', message = null, look_at = null, changed_at = clock_timestamp()
    where organisation = %s and state = 'kept' and said_at is null and look_at <= clock_timestamp()
"""
DROP_OLD: Final[LiteralString] = f"""
    delete from act where look_at is null and {ENDED} and changed_at < clock_timestamp() - interval '{KEPT_FOR}'
"""
LEARN: Final[LiteralString] = f"""
    update act set state = %(state)s, code = %(code)s, said_by = %(said_by)s, problem = null, message = null,
        look_at = clock_timestamp() + %(again)s,
        changed_at = case when state = %(state)s then changed_at else clock_timestamp() end
    where message_id = %(message_id)s and not {ENDED}
"""
PUT_ONE_OFF: Final[LiteralString] = f"""
    update act set problem = %s, look_at = clock_timestamp() + %s where message_id = %s and not {ENDED}
"""
PUT_OFF: Final[LiteralString] = f"""
    update act set problem = %s, look_at = clock_timestamp() + %s
    where organisation = %s and look_at <= clock_timestamp() and not {ENDED}
"""


class Decision(NamedTuple):
    """What somebody has decided about a referral, as the network is to hear it."""

    message_id: UUID
    referral_id: UUID
    contract: str
    message: str
    follows: UUID | None = None
    """What is to be applied before: another decision of the same form, which stands before it."""


def decision(
    data: Model,
    referral_id: UUID,
    *,
    organisation: str,
    staff: str | None,
    at: datetime,
    id: UUID | None = None,
    follows: UUID | None = None,
) -> Decision:
    """Make a message of what is said because of a referral, by an organisation's system `console`."""
    about = contracts.contract_of(data).about
    draft = Draft(data, subject=str(getattr(data, about) if about else referral_id))
    message = contracts.stamp(draft, source=organisation, time=at, id=id, staff=staff, system=CONSOLE)
    return Decision(message.id, referral_id, message.type, message.to_json().decode(), follows)


def keep(
    connection: Connection,
    organisation: str,
    staff: str | None,
    decided: Sequence[Decision],
    hold: timedelta,
    *,
    batch: UUID | None = None,
) -> frozenset[UUID]:
    """Keep decisions, which are said when `hold` is over; by `staff`, or by the console itself. Return which are new.

    One whose id is known changes nothing: its form was sent before. `batch` is the id of a form that decides the same
    about several.
    """
    values: dict[str, Any] = {
        "ids": [one.message_id for one in decided],
        "referrals": [one.referral_id for one in decided],
        "contracts": [one.contract for one in decided],
        "messages": [one.message for one in decided],
        "follows": [one.follows for one in decided],
    }
    values |= {"organisation": organisation, "staff": staff, "hold": hold, "batch": batch}
    return frozenset(row["message_id"] for row in connection.execute(KEEP, values).fetchall())


def take_turn(connection: Connection, organisation: str, referral_id: UUID) -> None:
    """Let nobody else of an organisation decide about a referral until the transaction ends."""
    connection.execute(TAKE_TURN, (f"{organisation} {referral_id}",))


def find(connection: Connection, message_id: UUID, organisation: str) -> Row | None:
    """An act of an organisation's; None where it has none of this id."""
    return connection.execute(FIND, (message_id, organisation)).fetchone()


def about(
    connection: Connection, organisation: str, referral_ids: Set[UUID], *, ended_within: timedelta
) -> Sequence[Row]:
    """What an organisation's staff have decided about referrals and is under way, or has ended not long ago."""
    return connection.execute(ABOUT, (organisation, list(referral_ids), ended_within)).fetchall()


def under_way(connection: Connection, organisation: str, referral_ids: Set[UUID]) -> frozenset[UUID]:
    """The referrals about which something of an organisation's is under way, or done and not yet to be seen."""
    rows = connection.execute(UNDER_WAY, (organisation, list(referral_ids))).fetchall()
    return frozenset(row["referral_id"] for row in rows)


def stuck(connection: Connection, organisation: str, referral_ids: Set[UUID]) -> Mapping[UUID, Set[str]]:
    """By referral, the contracts of what an organisation has done about it and operators look into."""
    found: dict[UUID, set[str]] = {id: set() for id in referral_ids}
    for row in connection.execute(STUCK, (organisation, list(referral_ids))).fetchall():
        found[row["referral_id"]].add(row["contract"])
    return found


def undo(connection: Connection, message_id: UUID, organisation: str) -> bool:
    """Take an act back; False where it is too late."""
    undone = connection.execute(UNDO, {"id": message_id, "organisation": organisation}).fetchall()
    return any(row["message_id"] == message_id for row in undone)


def of_batch(connection: Connection, batch: UUID, organisation: str) -> Sequence[Row]:
    """What one form of an organisation's decided; empty where there is none."""
    return connection.execute(OF_BATCH, (batch, organisation)).fetchall()


def undo_batch(connection: Connection, batch: UUID, organisation: str) -> int:
    """Take back what one form decided, and say of how many that was not too late."""
    return len(connection.execute(UNDO_BATCH, (batch, organisation)).fetchall())


def organisations_due(connection: Connection) -> frozenset[str]:
    """Who has something to say now, or to ask after."""
    return frozenset(row["organisation"] for row in connection.execute(DUE_OF).fetchall())


def has_said(connection: Connection, organisation: str, referral_id: UUID, contract: str) -> bool:
    """Whether an organisation has decided something about a referral before, whatever became of it."""
    return connection.execute(HAS_SAID, (organisation, referral_id, contract)).fetchone() is not None


def due(connection: Connection, organisation: str, limit: int) -> Sequence[Row]:
    """What an organisation has to say now, or to ask after: what somebody decided before what the console says."""
    connection.execute(STOP, (organisation,))
    return connection.execute(DUE, (organisation, limit)).fetchall()


def begin_to_say(connection: Connection, message_id: UUID) -> str | None:
    """Return the message of an act that is said for the first time; None where it is undone, or nobody may say it."""
    row = connection.execute(BEGIN_TO_SAY, (message_id,)).fetchone()
    return None if row is None else row["message"]


def message(connection: Connection, message_id: UUID) -> str | None:
    """The message of an act that was said before and not answered; None where it is erased."""
    row = connection.execute(MESSAGE, (message_id,)).fetchone()
    return None if row is None else row["message"]


def give_up(connection: Connection, organisation: str) -> Sequence[UUID]:
    """Undo what was never said of an organisation that does not use the screens any more.

    Returns the referrals of which it has said that it deletes what it holds.
    """
    connection.execute(GIVE_UP, (organisation,))
    return [row["referral_id"] for row in connection.execute(HAS_DELETED, (organisation,)).fetchall()]


def drop_old(connection: Connection) -> None:
    """Drop what ended long ago."""
    connection.execute(DROP_OLD)


def learn(
    connection: Connection, message_id: UUID, state: ActState, code: str | None, said_by: str | None, again: timedelta
) -> None:
    """Keep what became of an act so far; where nothing else comes of it, it is not asked after again."""
    values = {"message_id": message_id, "state": state, "code": code, "said_by": said_by}
    connection.execute(LEARN, {**values, "again": None if state in ENDS else again})


def put_one_off(connection: Connection, message_id: UUID, problem: str, pause: timedelta) -> None:
    """Let one act wait: what is answered to it cannot be understood."""
    connection.execute(PUT_ONE_OFF, (problem, pause, message_id))


def put_off(connection: Connection, organisation: str, problem: str, pause: timedelta) -> None:
    """Let what is due wait: the gateway does not take it now."""
    connection.execute(PUT_OFF, (problem, pause, organisation))


def now(connection: Connection) -> datetime:
    """The time by the clock of the database, by which acts are kept and said, whatever a process's own says."""
    moment: datetime = connection.execute("select clock_timestamp() as now").fetchall()[0]["now"]
    return moment
