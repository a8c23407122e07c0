"""Referrals, and who did what to them when."""

from collections.abc import Collection, Mapping, Set
from dataclasses import replace
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.referrals import rules
from services.referrals.rules import Asked, Candidate, Deadline, Referral, State, Step, StoppedDeadline, Urgency
from services.referrals.rules.chains import CHAIN_AT_MOST
from services.referrals.rules.sending import CONSENT_OVERRIDDEN, OVERRIDES_AT_MOST
from services.referrals.store.cause import Cause
from services.referrals.store.consents import lock_consent
from services.referrals.store.directory import SERVICES, add_decision, find_candidates, interval

DUE_AT_ONCE: Final = 300

COLUMNS: Final = """
    referral_id, sender, recipient, service_id, person_id, case_code, need_code, urgency, consent_id, sent_at,
    answer_by, state, sequence, visit_at, visit_said_at, outcome, not_met_reason, need_id, zone, answered_by_hub,
    sent_by, redirected_from, onward_from, goes_on_as, unpurged, deadline_length, deadline_at, deadline_stage, due_at,
    stopped_length, time_left, stopped_stage, taken_on_by, extended, noted_to
"""

# With what was asked, which is nothing any more once its person is erased.
KNOWN: Final = f"""
    {COLUMNS}, erased_at is not null as erased, request #>> '{{contact,language}}' as language,
    case when request ? 'reason_code' then jsonb_build_object(
        'reason_code', request -> 'reason_code', 'shares', request -> 'shares', 'minor', request -> 'minor',
        'override', request #> '{{override,reason}}'
    ) end as asked
"""

INSERT_REFERRAL: Final = f"""
    insert into referral ({COLUMNS}, request)
    select {COLUMNS}, request
    from jsonb_populate_recordset(null::referral, %s::jsonb)
    on conflict do nothing
    returning referral_id
"""

LOCK_REFERRALS: Final = f"""
    select referral_id as key, {KNOWN} from referral where referral_id = any(%b::uuid[])
    order by referral_id for update
"""

# The ids of all that is linked with a referral: its chain, and what a fault in the rows may have added to it.
LINKED: Final = f"""
    with recursive linked as (
        select referral_id as key, referral_id, redirected_from, onward_from, goes_on_as, 1 as distance
        from referral where referral_id = any(%b::uuid[])
        union
        select key, other.referral_id, other.redirected_from, other.onward_from, other.goes_on_as, distance + 1
        from linked join referral as other
            on other.referral_id in (linked.redirected_from, linked.onward_from, linked.goes_on_as)
        where distance < {2 * CHAIN_AT_MOST}
    )
    select key, array_agg(distinct referral_id) as referral_ids from linked group by key
"""

SENT_UNDER: Final = """
    select consent_id as key, array_agg(referral_id) as referral_ids
    from referral where consent_id = any(%b::uuid[]) group by consent_id
"""

OF_PERSON: Final = """
    select person_id as key, array_agg(referral_id) as referral_ids
    from referral where person_id = any(%b::uuid[]) group by person_id
"""

# A case code means nothing outside its sender: both are one key.
OF_CASE: Final = """
    select asked as key, array_agg(referral_id) as referral_ids
    from unnest(%b::text[]) as asked join referral
        on sender = split_part(asked, ' ', 1) and case_code = substr(asked, strpos(asked, ' ') + 1)
    group by asked
"""

_OPEN: Final = """
    state not in ('declined', 'redirected', 'expired', 'cancelled', 'closed', 'consent_withdrawn', 'entered_in_error')
"""

OPEN_OF_PERSON: Final = f"""
    select person_id as key, jsonb_agg(jsonb_build_array(referral_id, service_id)) as open
    from referral where person_id = any(%b::uuid[]) and {_OPEN} group by person_id
"""

OPEN_OF_CASE: Final = f"""
    select asked as key, jsonb_agg(jsonb_build_array(referral_id, service_id)) as open
    from unnest(%b::text[]) as asked join referral
        on sender = split_part(asked, ' ', 1) and case_code = substr(asked, strpos(asked, ' ') + 1) and {_OPEN}
    group by asked
"""

FORGET_REQUEST: Final = """
    update referral set request = '{}', need_id = null, erased_at = new.erased_at
    from jsonb_populate_recordset(null::referral, %s::jsonb) as new
    where referral.referral_id = new.referral_id
"""

LOCK_DUE: Final = f"""
    select {KNOWN} from referral
    where due_at <= %s
    order by due_at
    limit {DUE_AT_ONCE}
    for update skip locked
"""

SAVE_REFERRAL: Final = """
    update referral
    set state = new.state, sequence = new.sequence, answer_by = new.answer_by,
        visit_at = new.visit_at, visit_said_at = new.visit_said_at,
        outcome = new.outcome, not_met_reason = new.not_met_reason, onward_from = new.onward_from,
        goes_on_as = new.goes_on_as, unpurged = new.unpurged,
        deadline_length = new.deadline_length,
        deadline_at = new.deadline_at, deadline_stage = new.deadline_stage, due_at = new.due_at,
        stopped_length = new.stopped_length, time_left = new.time_left, stopped_stage = new.stopped_stage,
        taken_on_by = new.taken_on_by, extended = new.extended, noted_to = new.noted_to
    from jsonb_populate_recordset(null::referral, %s::jsonb) as new
    where referral.referral_id = new.referral_id
"""

ADD_HISTORY: Final = """
    insert into history (referral_id, sequence, what, organisation, actor, staff, reason, details, message_id,
                         claimed_at, recorded_at)
    select referral_id, sequence, what, organisation, actor, staff, reason, details, message_id, claimed_at, recorded_at
    from jsonb_populate_recordset(null::history, %s::jsonb)
"""

LEAVE_LINE: Final = """
    update place_in_line set left_at = new.left_at
    from jsonb_populate_recordset(null::place_in_line, %s::jsonb) as new
    where place_in_line.referral_id = new.referral_id
"""

OVERRIDES: Final = f"""
    select asked as key, array(
        select recorded_at from history where what = '{CONSENT_OVERRIDDEN}' and organisation = asked
        order by recorded_at desc limit {OVERRIDES_AT_MOST}
    ) as used
    from unnest(%b::text[]) as asked
"""

REQUESTS: Final = "select referral_id as key, request from referral where referral_id = any(%b::uuid[])"

HISTORY: Final = """
    select sequence, what, organisation, actor, staff, reason, details, message_id, claimed_at, recorded_at
    from history where referral_id = %s order by history_id
"""

OUTSTANDING_PURGES: Final = """
    select referral_id, deadline_at as purge_by, holder
    from referral cross join unnest(unpurged) as holder
    where unpurged <> '{}'
    order by referral_id, holder
"""


def insert_referral(tx: Transaction, referral: Referral, request: Row, cause: Cause) -> None:
    """Keep a referral that is being sent, with what was asked (as JSON has it, without the sealed block).

    Refuses what the database does not let in: an id that is taken, a second open referral of the same sender for the
    same person, service and recipient.
    """
    if not tx.insert(INSERT_REFERRAL, {**_to_row(referral), "request": request}):
        taken = find_referral(tx, referral.referral_id) is not None
        raise rules.Refused("already_sent" if taken else "open_referral_exists")
    tx.put(LOCK_REFERRALS, referral.referral_id, referral)
    tx.put(REQUESTS, referral.referral_id, request)
    tx.amend(SENT_UNDER, referral.consent_id, lambda ids: [*(ids or ()), referral.referral_id])
    tx.amend(OF_PERSON, referral.person_id, lambda ids: [*(ids or ()), referral.referral_id])
    tx.amend(OF_CASE, _case_of(referral), lambda ids: [*(ids or ()), referral.referral_id])
    _note_open(tx, referral)
    _add_history(tx, referral, cause)


def find_referral(tx: Transaction, referral_id: UUID) -> Referral | None:
    """Lock and return a referral, whoever is party to it, as it stands before the message; None when there is none."""
    referral = tx.load(LOCK_REFERRALS, referral_id, from_row)
    return referral if referral is None or not referral.steps else replace(referral, steps=())


def lock_referral(tx: Transaction, referral_id: UUID, *, of: str, coordinators: Set[str] = frozenset()) -> Referral:
    """Return a referral of this organisation's that nobody else can change before the transaction ends, nor its chain.

    Raises MissingPrerequisite when there is none, and just the same when it is none of this organisation's (nor may a
    coordinator see to it).
    """
    referral = _lock(tx, referral_id)
    if referral is None or of not in {referral.sender, referral.recipient, *coordinators}:
        raise rules.not_a_party(referral_id)
    return referral


def lock_held_referral(tx: Transaction, referral_id: UUID, *, by: str) -> Referral:
    """Return a referral of which this organisation has had something, as `lock_referral` does.

    A coordinator that a note was written to is one for good: it owes its receipt when it coordinates no longer, too.
    """
    referral = _lock(tx, referral_id)
    if referral is None or by not in {*referral.parties, *referral.noted_to}:
        raise rules.not_a_party(referral_id)
    return referral


def lock_referrals_under(tx: Transaction, consent_id: UUID) -> list[Referral]:
    """Lock and return every referral that was sent under a consent, those that have ended too."""
    return _lock_all(tx, SENT_UNDER, consent_id)


def lock_referrals_of(tx: Transaction, person_id: UUID) -> list[Referral]:
    """Lock and return every referral of a person; those under a case code are nobody's."""
    return _lock_all(tx, OF_PERSON, person_id)


def forget_request(tx: Transaction, referral: Referral, *, erased_at: datetime) -> None:
    """Delete what was asked for a person; that it was, by whom and of whom, stays and is counted."""
    tx.write(FORGET_REQUEST, {"referral_id": referral.referral_id, "erased_at": erased_at})
    tx.put(REQUESTS, referral.referral_id, {})


def lock_due_referrals(tx: Transaction, now: datetime) -> list[Referral]:
    """Lock and return referrals with a stage due, longest due first; leave those that others are changing."""
    return [from_row(row) for row in tx.fetch(LOCK_DUE, (now,))]


def save_referral(tx: Transaction, referral: Referral, cause: Cause | None = None) -> None:
    """Write what has happened to a referral since it was locked; `cause` is None for a deadline."""
    tx.write(SAVE_REFERRAL, _to_row(referral))
    tx.put(LOCK_REFERRALS, referral.referral_id, referral)
    _note_open(tx, referral)
    _add_history(tx, referral, cause)
    if rules.left_line(referral):
        tx.write(LEAVE_LINE, {"referral_id": referral.referral_id, "left_at": referral.steps[-1].at})
        tx.amend(SERVICES, referral.service_id, lambda known: known and known.without_place_of(referral.referral_id))
    if decision := rules.decision_in(referral):
        add_decision(tx, referral.service_id, at=decision.at, took=decision.at - referral.sent_at)


def overrides_used(tx: Transaction, organisation: str) -> list[datetime]:
    """Return when an organisation has last sent without consent, the last first: no more than the hour allows."""
    return tx.load(OVERRIDES, organisation, _to_times) or []


def open_beside(tx: Transaction, referral: Referral) -> list[UUID]:
    """Return the other open referrals for the same person that ask the same service, whoever sent them.

    They are for the recipient's eyes only: it holds them all.
    """
    tx.mention(one for held in tx.loaded(LOCK_REFERRALS) for one in (held.person_id, _case_of(held)))
    known = tx.load(*_open_of(referral), _to_open) or {}
    return sorted(one for one, service_id in known.items() if service_id == referral.service_id)


def check_reopening(tx: Transaction, referral: Referral) -> None:
    """Refuse to open a referral again without its person or consent, or beside another for the same."""
    if referral.erased:
        raise rules.Refused("person_erased")
    tx.mention(one for held in tx.loaded(LOCK_REFERRALS) for one in (held.consent_id, held.person_id, _case_of(held)))
    consent = lock_consent(tx, referral.consent_id)
    if consent is not None and consent.ended_at is not None:
        raise rules.Refused("consent_withdrawn")
    if consent is not None and consent.suspended_at is not None:
        raise rules.Refused("consent_suspended")
    others = _lock_all(tx, *((OF_CASE, _case_of(referral)) if referral.case_code else (OF_PERSON, referral.person_id)))
    rules.check_none_open_beside(referral, others)


def check_not_suspended(tx: Transaction, referral: Referral) -> None:
    """Let nothing more of the person leave under a consent of which somebody says that it was taken back."""
    tx.mention(held.consent_id for held in tx.loaded(LOCK_REFERRALS))
    consent = lock_consent(tx, referral.consent_id)
    if consent is not None and consent.suspended_at is not None:
        raise rules.Refused("consent_suspended")


def find_candidates_for(tx: Transaction, referrals: Collection[Referral]) -> dict[str, list[Candidate]]:
    """Return the candidates for each need that these referrals are for, as `find_candidates` does."""
    if not referrals:
        return {}
    tx.mention(one.need_code for one in tx.loaded(LOCK_REFERRALS))
    return find_candidates(tx, {one.need_code for one in referrals})


def request_of(tx: Transaction, referral: Referral) -> Row:
    """Return what the sender asked, as JSON has it, without its sealed block."""
    return tx.load(REQUESTS, referral.referral_id, _to_request) or {}


def history_of(tx: Transaction, referral_id: UUID) -> list[Row]:
    """Return who did what to a referral when, in order."""
    return tx.fetch(HISTORY, (referral_id,))


def outstanding_purges(tx: Transaction) -> list[Row]:
    """Return which holders still owe a receipt that they have deleted what they held: referral, holder, until when."""
    return tx.fetch(OUTSTANDING_PURGES)


# -- rows -------------------------------------------------------------------------------------------------------------


def _lock(tx: Transaction, referral_id: UUID) -> Referral | None:
    """Lock and return a referral, and all of its chain where it stands in one: its end may have to be told there."""
    referral = find_referral(tx, referral_id)
    if referral is not None and (referral.redirected_from or referral.onward_from or referral.goes_on_as):
        chain = tx.load(LINKED, referral_id, _to_ids) or ()
        tx.mention(one for ids in tx.loaded(LINKED) for one in ids)
        for one in chain:
            find_referral(tx, one)
    return referral


def _case_of(referral: Referral) -> str | None:
    return None if referral.case_code is None else f"{referral.sender} {referral.case_code}"


def _open_of(referral: Referral) -> tuple[LiteralString, UUID | str | None]:
    """Return by which statement and key the open referrals of the same person, or case, are loaded."""
    case = _case_of(referral)
    return (OPEN_OF_PERSON, referral.person_id) if case is None else (OPEN_OF_CASE, case)


def _note_open(tx: Transaction, referral: Referral) -> None:
    """Say whether a referral is among the open ones of its person, or case, by now."""

    def change(known: Mapping[UUID, UUID] | None) -> Mapping[UUID, UUID]:
        others = {one: service_id for one, service_id in (known or {}).items() if one != referral.referral_id}
        return others | ({referral.referral_id: referral.service_id} if referral.state in rules.OPEN else {})

    tx.amend(*_open_of(referral), change)


def _note_override(tx: Transaction, step: Step) -> None:
    tx.amend(OVERRIDES, step.by, lambda used: [step.at, *(used or ())][:OVERRIDES_AT_MOST])


def _to_times(row: Row) -> list[datetime]:
    used: list[datetime] = row["used"]
    return used


def _to_open(row: Row) -> Mapping[UUID, UUID]:
    return {UUID(referral_id): UUID(service_id) for referral_id, service_id in row["open"]}


def _lock_all(tx: Transaction, sql: LiteralString, key: UUID | str | None) -> list[Referral]:
    """Lock and return the referrals whose ids a statement gives for a key, in the order of their ids."""
    ids = tx.load(sql, key, _to_ids) or []
    tx.mention(one for found in tx.loaded(sql) for one in found)
    return [one for referral_id in sorted(ids) if (one := _lock(tx, referral_id)) is not None]


def _to_ids(row: Row) -> list[UUID]:
    ids: list[UUID] = row["referral_ids"]
    return ids


def _to_request(row: Row) -> Row:
    request: Row = row["request"]
    return request


def _to_row(referral: Referral) -> Row:
    deadline, stopped = referral.deadline, referral.stopped_deadline
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
        "sent_by": referral.sent_by,
        "redirected_from": referral.redirected_from,
        "onward_from": referral.onward_from,
        "goes_on_as": referral.goes_on_as,
        "unpurged": referral.unpurged,
        "deadline_length": interval(deadline.length) if deadline else None,
        "deadline_at": deadline.ends_at if deadline else None,
        "deadline_stage": deadline.stage if deadline else None,
        "due_at": deadline.due_at if deadline else None,
        "stopped_length": interval(stopped.length) if stopped else None,
        "time_left": interval(stopped.left) if stopped else None,
        "stopped_stage": stopped.stage if stopped else None,
        "taken_on_by": referral.taken_on_by,
        "extended": referral.extended,
        "noted_to": referral.noted_to,
    }


def from_row(row: Row) -> Referral:
    length, ends_at, stage, due_at = (
        row.pop(name) for name in ("deadline_length", "deadline_at", "deadline_stage", "due_at")
    )
    stopped_length, left, stopped_stage = (row.pop(name) for name in ("stopped_length", "time_left", "stopped_stage"))
    asked = row.pop("asked")
    row["state"], row["urgency"], row["unpurged"] = State(row["state"]), Urgency(row["urgency"]), tuple(row["unpurged"])
    row["noted_to"] = tuple(row["noted_to"])
    return Referral(
        **row,
        asked=None if asked is None else Asked(**{**asked, "shares": tuple(asked["shares"])}),
        deadline=None if length is None else Deadline(length=length, ends_at=ends_at, due_at=due_at, stage=stage),
        stopped_deadline=None
        if left is None
        else StoppedDeadline(length=stopped_length, left=left, stage=stopped_stage),
    )


def _add_history(tx: Transaction, referral: Referral, cause: Cause | None) -> None:
    for step in referral.steps:
        if step.what == CONSENT_OVERRIDDEN:
            _note_override(tx, step)
        tx.write(
            ADD_HISTORY,
            {
                "referral_id": referral.referral_id,
                "sequence": step.sequence,
                "what": step.what,
                "organisation": step.by,
                "actor": step.actor,
                "staff": cause.staff if cause and cause.source == step.by else None,
                "reason": step.reason,
                "details": step.details,
                "message_id": cause.id if cause else None,
                "claimed_at": cause.time if cause else None,
                "recorded_at": step.at,
            },
        )
