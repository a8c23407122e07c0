"""Referrals, and who did what to them when."""

from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction, row_as_json
from services.referrals import rules
from services.referrals.rules import Clock, Referral, State, StoppedClock, Urgency
from services.referrals.store.cause import Cause

DUE_AT_ONCE: Final = 300

COLUMNS: Final = """
    referral_id, sender, recipient, service_id, person_id, case_code, need_code, urgency, consent_id, sent_at,
    answer_by, state, sequence, visit_at, visit_said_at, outcome, not_met_reason, need_id, zone, answered_by_hub,
    redirected_from, onward_from, goes_on_as, unpurged, clock_length, clock_ends_at, clock_step, due_at,
    stopped_length, stopped_left, stopped_step
"""

INSERT_REFERRAL: Final = f"""
    insert into referral ({COLUMNS}, request)
    select {COLUMNS}, request
    from jsonb_populate_record(null::referral, %s::jsonb)
    on conflict do nothing
    returning referral_id
"""

LOCK_REFERRALS: Final = f"""
    select referral_id as key, {COLUMNS} from referral where referral_id = any(%b::uuid[])
    order by referral_id for update
"""

REFERRAL_EXISTS: Final = "select 1 from referral where referral_id = %s"

# No lock is needed: whoever ends the consent waits for the referral, and then stops it.
CONSENT_HAS_ENDED: Final = """
    select 1 from consent join referral using (consent_id) where referral_id = %s and ended_at is not null
"""

OTHER_OPEN_REFERRAL: Final = """
    select 1
    from referral join referral as other
        on coalesce(other.person_id::text, other.sender || ' ' || other.case_code)
            = coalesce(referral.person_id::text, referral.sender || ' ' || referral.case_code)
        and other.service_id = referral.service_id
        and other.recipient = referral.recipient
    where referral.referral_id = %s
      and other.referral_id <> referral.referral_id
      and other.state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn',
                              'entered_in_error')
"""

LOCK_UNDER_CONSENT: Final = f"""
    select {COLUMNS} from referral
    where consent_id = %s
    order by referral_id
    for update
"""

LOCK_OF_PERSON: Final = f"select {COLUMNS} from referral where person_id = %s order by referral_id for update"

FORGET_REQUESTS: Final = """
    update referral set request = '{}', need_id = null, erased_at = %s where person_id = %s returning referral_id
"""

PERSON_IS_ERASED: Final = "select 1 from referral where referral_id = %s and erased_at is not null"

LOCK_DUE: Final = f"""
    select {COLUMNS} from referral
    where due_at <= %s
    order by due_at
    limit {DUE_AT_ONCE}
    for update skip locked
"""

SAVE_REFERRAL: Final = """
    update referral
    set state = new.state, sequence = new.sequence, visit_at = new.visit_at, visit_said_at = new.visit_said_at,
        outcome = new.outcome, not_met_reason = new.not_met_reason, onward_from = new.onward_from,
        goes_on_as = new.goes_on_as, unpurged = new.unpurged,
        clock_length = new.clock_length,
        clock_ends_at = new.clock_ends_at, clock_step = new.clock_step, due_at = new.due_at,
        stopped_length = new.stopped_length, stopped_left = new.stopped_left, stopped_step = new.stopped_step
    from jsonb_populate_recordset(null::referral, %s::jsonb) as new
    where referral.referral_id = new.referral_id
"""

ADD_HISTORY: Final = """
    insert into history (referral_id, sequence, what, organisation, actor, reason, details, message_id, claimed_at,
                         recorded_at)
    select referral_id, sequence, what, organisation, actor, reason, details, message_id, claimed_at, recorded_at
    from jsonb_populate_recordset(null::history, %s::jsonb)
"""

ADD_DECISION: Final = """
    insert into decision (service_id, decided_at, took)
    select service_id, decided_at, took from jsonb_populate_recordset(null::decision, %s::jsonb)
"""

LEAVE_LINE: Final = "update place_in_line set left_at = %s where referral_id = %s returning referral_id"

LANGUAGES: Final = """
    select referral_id, request #>> '{contact,language}' as language from referral where referral_id = any(%s::uuid[])
"""

REQUEST: Final = "select request from referral where referral_id = %s"

HISTORY: Final = """
    select sequence, what, organisation, actor, reason, details, message_id, claimed_at, recorded_at
    from history where referral_id = %s order by history_id
"""

OUTSTANDING_PURGES: Final = """
    select referral_id, clock_ends_at as purge_by, holder
    from referral cross join unnest(unpurged) as holder
    where unpurged <> '{}'
    order by referral_id, holder
"""


def insert_referral(tx: Transaction, referral: Referral, request: Row, cause: Cause) -> None:
    """Keep a referral that is being sent, with what was asked (as JSON has it, without the sealed block).

    Refuses what the database does not let in: an id that is taken, a second open referral for the same person,
    service and recipient.
    """
    row = {**_to_row(referral), "request": request}
    if not tx.fetch(INSERT_REFERRAL, (row_as_json(row),)):
        taken = tx.fetch(REFERRAL_EXISTS, (referral.referral_id,))
        raise rules.Refused("already_sent" if taken else "open_referral_exists")
    tx.put(LOCK_REFERRALS, referral.referral_id, replace(referral, steps=()))
    _add_history(tx, referral, cause)


def lock_referral(tx: Transaction, referral_id: UUID, *, of: str, coordinators: Set[str] = frozenset()) -> Referral:
    """Return a referral of this organisation's that nobody else can change before the transaction ends.

    Raises TooEarly when there is none, and just the same when it is none of this organisation's (nor may a coordinator
    see to it).
    """
    referral = tx.load(LOCK_REFERRALS, referral_id, from_row)
    if referral is None or of not in {referral.sender, referral.recipient, *coordinators}:
        raise rules.not_a_party(referral_id)
    return referral


def lock_referrals_under(tx: Transaction, consent_id: UUID) -> list[Referral]:
    """Lock and return every referral that was sent under a consent, those that have ended too."""
    return [from_row(row) for row in tx.fetch(LOCK_UNDER_CONSENT, (consent_id,))]


def lock_referrals_of(tx: Transaction, person_id: UUID) -> list[Referral]:
    """Lock and return every referral of a person; those under a case code are nobody's."""
    return [from_row(row) for row in tx.fetch(LOCK_OF_PERSON, (person_id,))]


def forget_requests(tx: Transaction, person_id: UUID, *, erased_at: datetime) -> None:
    """Delete what was asked for a person; that it was, by whom and of whom, stays and is counted."""
    tx.fetch(FORGET_REQUESTS, (erased_at, person_id))


def lock_due_referrals(tx: Transaction, now: datetime) -> list[Referral]:
    """Lock and return referrals whose clock has a step due, longest due first; leave those that others are changing."""
    return [from_row(row) for row in tx.fetch(LOCK_DUE, (now,))]


def save_referral(tx: Transaction, referral: Referral, cause: Cause | None = None) -> None:
    """Write what has happened to a referral since it was locked; `cause` is None for a clock."""
    tx.write(SAVE_REFERRAL, _to_row(referral), key=referral.referral_id)
    tx.put(LOCK_REFERRALS, referral.referral_id, replace(referral, steps=()))
    _add_history(tx, referral, cause)
    if rules.left_line(referral):
        # at once: in the same batch it may have joined, and gathered writes do not keep the order of two statements
        tx.fetch(LEAVE_LINE, (referral.steps[-1].at, referral.referral_id))
    if decision := rules.decision_in(referral):
        took = _interval(decision.at - referral.sent_at)
        tx.write(ADD_DECISION, {"service_id": referral.service_id, "decided_at": decision.at, "took": took})


def languages_of(tx: Transaction, referrals: Iterable[Referral]) -> dict[UUID, str | None]:
    """Return the language in which the person of each referral is to be spoken to."""
    ids = [referral.referral_id for referral in referrals]
    rows = tx.fetch(LANGUAGES, (ids,)) if ids else []
    return {row["referral_id"]: row["language"] for row in rows}


def check_reopening(tx: Transaction, referral: Referral) -> None:
    """Refuse to open a referral again without its person or consent, or beside another for the same."""
    if tx.fetch(PERSON_IS_ERASED, (referral.referral_id,)):
        raise rules.Refused("person_erased")
    if tx.fetch(CONSENT_HAS_ENDED, (referral.referral_id,)):
        raise rules.Refused("consent_withdrawn")
    if tx.fetch(OTHER_OPEN_REFERRAL, (referral.referral_id,)):
        raise rules.Refused("open_referral_exists")


def request_of(tx: Transaction, referral: Referral) -> Row:
    """Return what the sender asked, as JSON has it, without its sealed block."""
    request: Row = tx.fetch(REQUEST, (referral.referral_id,))[0]["request"]
    return request


def history_of(tx: Transaction, referral_id: UUID) -> list[Row]:
    """Return who did what to a referral when, in order."""
    return tx.fetch(HISTORY, (referral_id,))


def outstanding_purges(tx: Transaction) -> list[Row]:
    """Return which holders still owe a receipt that they have deleted what they held: referral, holder, until when."""
    return tx.fetch(OUTSTANDING_PURGES)


# -- rows -------------------------------------------------------------------------------------------------------------


def _to_row(referral: Referral) -> Row:
    clock, stopped = referral.clock, referral.stopped_clock
    return {
        "referral_id": referral.referral_id,
        "sender": referral.sender,
        "recipient": referral.recipient,
        "service_id": referral.service_id,
        "person_id": referral.person_id,
        "case_code": referral.case_code,
        "need_code": referral.need_code,
        "urgency": referral.urgency,
        "consent_id": referral.consent_id,
        "sent_at": referral.sent_at,
        "answer_by": referral.answer_by,
        "state": referral.state,
        "sequence": referral.sequence,
        "visit_at": referral.visit_at,
        "visit_said_at": referral.visit_said_at,
        "outcome": referral.outcome,
        "not_met_reason": referral.not_met_reason,
        "need_id": referral.need_id,
        "zone": referral.zone,
        "answered_by_hub": referral.answered_by_hub,
        "redirected_from": referral.redirected_from,
        "onward_from": referral.onward_from,
        "goes_on_as": referral.goes_on_as,
        "unpurged": referral.unpurged,
        "clock_length": _interval(clock.length) if clock else None,
        "clock_ends_at": clock.ends_at if clock else None,
        "clock_step": clock.step if clock else None,
        "due_at": clock.due_at if clock else None,
        "stopped_length": _interval(stopped.length) if stopped else None,
        "stopped_left": _interval(stopped.left) if stopped else None,
        "stopped_step": stopped.step if stopped else None,
    }


def from_row(row: Row) -> Referral:
    length, ends_at, step, due_at = (
        row.pop(name) for name in ("clock_length", "clock_ends_at", "clock_step", "due_at")
    )
    stopped_length, left, stopped_step = (row.pop(name) for name in ("stopped_length", "stopped_left", "stopped_step"))
    row["state"], row["urgency"], row["unpurged"] = State(row["state"]), Urgency(row["urgency"]), tuple(row["unpurged"])
    return Referral(
        **row,
        clock=None if length is None else Clock(length=length, ends_at=ends_at, due_at=due_at, step=step),
        stopped_clock=None if left is None else StoppedClock(length=stopped_length, left=left, step=stopped_step),
    )


def _add_history(tx: Transaction, referral: Referral, cause: Cause | None) -> None:
    for step in referral.steps:
        tx.write(
            ADD_HISTORY,
            {
                "referral_id": referral.referral_id,
                "sequence": step.sequence,
                "what": step.what,
                "organisation": step.by,
                "actor": step.actor,
                "reason": step.reason,
                "details": step.details,
                "message_id": cause.id if cause else None,
                "claimed_at": cause.time if cause else None,
                "recorded_at": step.at,
            },
        )


def _interval(length: timedelta) -> str:
    return f"{length.total_seconds():f} seconds"  # as PostgreSQL reads it: Python writes commas, or exponents
