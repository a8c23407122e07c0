"""A made-up world of referrals in the console's tables, skewed: one organisation has a part in 60 % of them.

That organisation is also the one that coordinates, which is the worst for both: most of what it has waits, and has
waited for longest. Of the same size and seed it is the same, but for the moment that it ends at.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg import sql

import contracts
from contracts.codes import NeedCode, ReferralState, ReminderAbout, Urgency, is_confidential
from hub.console.messages import WAITS_ON
from hub.console.store.cases import After
from messaging.topology import HUB

LARGE: Final = "barranquilla"
SMALL: Final = "fuvadis"
OTHERS: Final = {"redcross": 50.0, "iom": 25.0, "americares": 15.0, "oportunidades": 9.5, SMALL: 0.5}  # percent
SENT_BY_LARGE, OF_LARGE = 0.54, 0.60
YEARS: Final = timedelta(days=730)
WITHIN: Final = timedelta(days=3)  # an answer is due
STEPS_OF_THE_LONGEST: Final = 200
LONGEST_CHAIN: Final = 40

STATES: Final = {
    ReferralState.CLOSED: 40.0, ReferralState.COMPLETED: 12.0, ReferralState.SENT: 8.0, ReferralState.RECEIVED: 8.0,
    ReferralState.ACCEPTED: 7.0, ReferralState.SCHEDULED: 6.0, ReferralState.INFO_REQUESTED: 5.0,
    ReferralState.IN_SERVICE: 5.0, ReferralState.DECLINED: 3.0, ReferralState.EXPIRED: 3.0,
    ReferralState.CANCELLED: 1.995, ReferralState.ENTERED_IN_ERROR: 0.005, ReferralState.CANCEL_REQUESTED: 1.0,
}  # fmt: skip
SENT_BY_LARGE_STATES: Final = {
    ReferralState.COMPLETED: 50.0, ReferralState.INFO_REQUESTED: 20.0, ReferralState.SENT: 10.0,
    ReferralState.RECEIVED: 5.0, ReferralState.SCHEDULED: 5.0, ReferralState.CLOSED: 7.995,
    ReferralState.EXPIRED: 2.0,
    ReferralState.ENTERED_IN_ERROR: 0.005,
}  # fmt: skip
WAITS: Final = {
    ReferralState.SENT: ReminderAbout.RECEIPT,
    ReferralState.RECEIVED: ReminderAbout.DECISION,
    ReferralState.INFO_REQUESTED: ReminderAbout.ANSWER,
    ReferralState.COMPLETED: ReminderAbout.OUTCOME,
    ReferralState.CANCEL_REQUESTED: ReminderAbout.CANCELLATION,
}
RARE_STATE: Final = ReferralState.ENTERED_IN_ERROR
RARE_NEED: Final = NeedCode.WASH_WATER
# Both are common, and none is both.
NEVER: Final = (ReferralState.COMPLETED, NeedCode.FOOD_VOUCHER)
# Only what is old has ended so; and others than the large one have answered what is not new.
OLD_STATE: Final = ReferralState.EXPIRED
OLD, ANSWERED = 0.1, 0.8
NEEDS: Final = [need for need in NeedCode if not is_confidential(need) and need is not RARE_NEED]

COLUMNS: Final = (
    "referral_id", "sequence", "short_code", "state", "changed_at", "changed_by", "sender", "recipient", "service_id",
    "person_id", "need_code", "urgency", "sent_at", "due_at", "waits_for", "waits_on", "visit_at",
)  # fmt: skip
REST: Final[LiteralString] = """
    insert into step (referral_id, sequence, state, changed_at, changed_by, details)
    select referral_id, number, case number when 1 then 'sent' when 2 then 'received' else state end,
        sent_at + number * interval '1 hour', case number when 1 then sender else recipient end,
        jsonb_build_object('waits_for', 'decision', 'due_at', sent_at, 'reason_code', 'no_capacity')
    from referral cross join generate_series(1, 3) as number;

    insert into step (referral_id, sequence, state, changed_at, changed_by, details)
    select referral_id, number, case number % 2 when 0 then 'info_requested' else 'received' end,
        sent_at + number * interval '1 minute', case number % 2 when 0 then recipient else sender end,
        jsonb_build_object('waits_for', 'answer', 'due_at', sent_at, 'topic', 'documents')
    from referral cross join generate_series(4, {steps}) as number where referral_id = {longest};

    insert into event (referral_id, what, noted_at, noted_by, details)
    select referral_id, 'reminded', due_at, {hub},
        jsonb_build_object('next_step', 'escalate', 'next_step_at', due_at + interval '1 day')
    from referral where due_at < now();

    insert into escalation (referral_id, escalated_at)
    select referral_id, case when sequence % 100 = 0 then changed_at - interval '1 hour' else due_at end
    from referral where due_at < now() and sequence % 7 = 0;

    insert into event (referral_id, what, noted_at, noted_by, details)
    select referral_id, case sequence % 2 when 0 then 'taken_on' else 'chased' end, due_at, {large},
        jsonb_build_object('organisation', waits_on, 'chased_at', due_at)
    from referral where due_at < now() and sequence % 14 in (0, 7);

    insert into purge_asked (referral_id, organisation, asked_at, purge_by, purged_at)
    select referral_id, party, sent_at, sent_at + interval '15 days',
        case when party = recipient and sequence % 400 <> 200 then sent_at + interval '1 day' end
    from referral cross join lateral (values (sender), (recipient)) as holder (party) where sequence % 40 = 0;

    insert into link (later, earlier)
    select referral_id, before from (
        select referral_id, sequence, lag(referral_id) over (order by sequence) as before from referral
    ) as placed
    where before is not null
      and (sequence % 20 = 10 or sequence % 1000 between 997 and 999 or sequence between 501 and 500 + {chain});

    insert into person_key (person, key) select gen_random_uuid()::text, sha256(sequence::text::bytea) from referral;

    insert into erasure (person_id, erased_at) select gen_random_uuid(), now() from referral where sequence % 50 = 0;

    insert into forgotten_referral (referral_id) select gen_random_uuid() from referral where sequence % 50 = 0;
"""
TABLES: Final = (
    "referral", "step", "event", "escalation", "purge_asked", "link", "erasure", "forgotten_referral", "person_key",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What pages can be asked for."""

    longest: UUID
    """With STEPS_OF_THE_LONGEST steps, sent by LARGE."""
    chained: UUID
    """The first of LONGEST_CHAIN, all sent by LARGE."""
    of_others: tuple[UUID, ...]
    """SMALL has no part in these."""


def fill(connection: psycopg.Connection[Any], size: int, *, now: datetime, seed: int = 1) -> World:
    """Put `size` referrals, and what belongs to them, into the empty tables of a console, and commit."""
    known: list[tuple[str, ...]] = []
    with connection.cursor() as cursor, loading(cursor, TABLES):
        with cursor.copy(f"copy referral ({', '.join(COLUMNS)}) from stdin") as copy:
            for row in _rows(size, now, random.Random(seed)):  # noqa: S311 - no secret
                copy.write_row(row)
                known.append((row[0], row[6], row[7]))
        longest = known[-1000 if size > 10_000 else -size // 2][0]
        cursor.execute(
            sql.SQL(REST).format(
                steps=STEPS_OF_THE_LONGEST,
                longest=UUID(longest),
                hub=HUB,
                large=LARGE,
                chain=sql.Literal(LONGEST_CHAIN - 1),
            )
        )
    settle(connection)
    of_others = [UUID(id) for id, *parties in known if SMALL not in parties]
    return World(UUID(longest), UUID(known[499][0]), tuple(of_others[:: max(1, len(of_others) // 2_000)]))


@contextmanager
def loading(cursor: psycopg.Cursor[Any], tables: Sequence[str]) -> Iterator[None]:
    """Indexes are made as they are declared, once the rows are there; what triggers would do has been done."""
    cursor.execute("set local maintenance_work_mem = '512MB'")
    cursor.execute(
        "select indexname as name, indexdef as definition from pg_indexes left join pg_constraint "
        "on conname = indexname where tablename = any(%s) and conname is null",
        (list(tables),),
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(sql.SQL("drop index {}").format(sql.Identifier(name)))
    for table in tables:
        cursor.execute(sql.SQL("alter table {} disable trigger user").format(sql.Identifier(table)))
    yield
    for table in tables:
        cursor.execute(sql.SQL("alter table {} enable trigger user").format(sql.Identifier(table)))
    for _, definition in indexes:
        cursor.execute(cast(LiteralString, definition))


def settle(connection: psycopg.Connection[Any]) -> None:
    """Commit, and have the server look at what there is now."""
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False


def _rows(size: int, now: datetime, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    others, shares = [*OTHERS], [*OTHERS.values()]
    states, weights = [*STATES], [*STATES.values()]
    of_large, large_weights = [*SENT_BY_LARGE_STATES], [*SENT_BY_LARGE_STATES.values()]
    urgencies = [*Urgency]
    services = [UUID(int=chance.getrandbits(128)) for _ in range(200)]
    for number in range(size):
        changed_at = now - YEARS * ((size - number) / size)
        milliseconds = int(changed_at.timestamp() * 1000)
        id = UUID(int=milliseconds << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62))
        which = chance.random()
        one, other = chance.choices(others, shares, k=2)
        if one == other:
            other = others[0] if one != others[0] else others[1]
        is_chosen = 499 <= number < 499 + LONGEST_CHAIN or number == size - (1000 if size > 10_000 else size // 2)
        if which < SENT_BY_LARGE or is_chosen:
            sender, recipient = LARGE, "redcross" if is_chosen else other
            (state,) = chance.choices(of_large, large_weights)
        else:
            sender, recipient = one, LARGE if which < OF_LARGE else other
            (state,) = chance.choices(states, weights)
        need = RARE_NEED if chance.random() < 0.00003 else NEEDS[int(chance.random() ** 2 * len(NEEDS))]
        about = WAITS.get(state)
        waits_on = {"sender": sender, "recipient": recipient}[WAITS_ON[about]] if about is not None else None
        is_old = number < OLD * size
        if (
            (state, need) == NEVER
            or (state is OLD_STATE and not is_old)
            or (waits_on not in (None, LARGE) and number < ANSWERED * size)
        ):
            state, about, waits_on = ReferralState.CLOSED, None, None
        visit_at = now + timedelta(days=chance.random() * 20 - 10) if state is ReferralState.SCHEDULED else None
        yield (
            str(id), number + 1, contracts.short_code(id), state.value, changed_at, recipient, sender, recipient,
            services[number % 200], UUID(int=chance.getrandbits(128)), need.value,
            urgencies[-1 if chance.random() < 0.9 else 0].value, changed_at - timedelta(days=2),
            changed_at + WITHIN if about is not None else None, about.value if about is not None else None, waits_on,
            visit_at,
        )  # fmt: skip


def behind(connection: psycopg.Connection[Any], rows: int, organisation: str | None = None) -> After:
    """The last of so many rows of the list of an organisation, or of all."""
    whose: LiteralString = "true" if organisation is None else "%(organisation)s in (sender, recipient)"
    row = connection.execute(
        f"select changed_at, referral_id from referral where {whose} "
        "order by changed_at desc, referral_id desc offset %(rows)s limit 1",
        {"organisation": organisation, "rows": rows - 1},
    ).fetchone()
    assert row is not None
    return After(*row)
