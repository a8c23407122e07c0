"""What referrals keeps in PostgreSQL, as functions that take the transaction."""

from collections.abc import Iterable, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from messaging.database import Row, Transaction, row_as_json
from services.referrals import rules
from services.referrals.rules import Clock, Consent, Referral, Service, State, StoppedClock, Urgency

DUE_AT_ONCE: Final = 300
ALTERNATIVES_AT_MOST: Final = 10


# ---------------------------------------------------------------------------------------------------------------------
# Services and consents, as others have told of them
# ---------------------------------------------------------------------------------------------------------------------

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


RECORD_CONSENT: Final = """
    insert into consent (consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from,
                         valid_until)
    select consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from, valid_until
    from jsonb_populate_recordset(null::consent, %s::jsonb)
    on conflict (consent_id) do nothing
"""

# Whoever sends under a consent and whoever ends it take turns: no referral slips out under a consent that is ending.
CONSENTS_FOR_USE: Final = """
    select consent_id as key, consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups,
           valid_from, valid_until, ended_at
    from consent where consent_id = any(%b::uuid[]) order by consent_id for share
"""

END_CONSENT: Final = """
    update consent set ended_at = %(ended_at)s where consent_id = %(consent_id)s and ended_at is null
    returning consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from,
              valid_until, ended_at
"""


def record_consent(tx: Transaction, consent: Consent) -> None:
    """Keep a consent that intake has recorded; one already known stays as it is."""
    tx.write(
        RECORD_CONSENT,
        {
            "consent_id": consent.consent_id,
            "person_id": consent.person_id,
            "case_code": consent.case_code,
            "granted_to": consent.granted_to,
            "purposes": sorted(consent.purposes),
            "recipients": sorted(consent.recipients),
            "field_groups": sorted(consent.field_groups),
            "valid_from": consent.valid_from,
            "valid_until": consent.valid_until,
        },
    )


def lock_consent(tx: Transaction, consent_id: UUID | None) -> Consent | None:
    """Return a consent that cannot end before the transaction does; raise TooEarly while intake has not recorded it."""
    if consent_id is None:
        return None
    consent = tx.load(CONSENTS_FOR_USE, consent_id, _to_consent)
    if consent is None:
        raise rules.TooEarly("consent", str(consent_id))
    return consent


def end_consent(tx: Transaction, consent_id: UUID, *, ended_at: datetime) -> bool:
    """Let nothing more be sent under a consent; tell whether it held until now.

    Raises TooEarly while intake has not recorded it.
    """
    ended = tx.fetch(END_CONSENT, {"consent_id": consent_id, "ended_at": ended_at})
    if not ended:
        lock_consent(tx, consent_id)  # raises where there is none
        return False
    tx.put(CONSENTS_FOR_USE, consent_id, _to_consent(ended[0]))
    return True


def _to_consent(row: Row) -> Consent:
    return Consent(**{**row, **{name: frozenset(row[name]) for name in ("purposes", "recipients", "field_groups")}})


# ---------------------------------------------------------------------------------------------------------------------
# Referrals
# ---------------------------------------------------------------------------------------------------------------------

_COLUMNS: Final = """
    referral_id, sender, recipient, service_id, person_id, case_code, need_code, urgency, consent_id, sent_at,
    answer_by, state, sequence, visit_at, visit_said_at, outcome, redirected_from, unpurged, clock_length,
    clock_ends_at, clock_step, due_at, stopped_length, stopped_left, stopped_step
"""

INSERT_REFERRAL: Final = f"""
    insert into referral ({_COLUMNS}, request)
    select {_COLUMNS}, request
    from jsonb_populate_record(null::referral, %s::jsonb)
    on conflict do nothing
    returning referral_id
"""

LOCK_REFERRALS: Final = f"""
    select referral_id as key, {_COLUMNS} from referral where referral_id = any(%b::uuid[])
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
    select {_COLUMNS} from referral
    where consent_id = %s
    order by referral_id
    for update
"""

LOCK_DUE: Final = f"""
    select {_COLUMNS} from referral
    where due_at <= %s
    order by due_at
    limit {DUE_AT_ONCE}
    for update skip locked
"""

SAVE_REFERRAL: Final = """
    update referral
    set state = new.state, sequence = new.sequence, visit_at = new.visit_at, visit_said_at = new.visit_said_at,
        outcome = new.outcome, unpurged = new.unpurged, clock_length = new.clock_length,
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


class Cause(Protocol):
    """What history keeps of the message that brought something about."""

    @property
    def id(self) -> UUID: ...

    @property
    def time(self) -> datetime: ...


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
    referral = tx.load(LOCK_REFERRALS, referral_id, _from_row)
    if referral is None or of not in {referral.sender, referral.recipient, *coordinators}:
        raise rules.not_a_party(referral_id)
    return referral


def lock_referrals_under(tx: Transaction, consent_id: UUID) -> list[Referral]:
    """Lock and return every referral that was sent under a consent, those that have ended too."""
    return [_from_row(row) for row in tx.fetch(LOCK_UNDER_CONSENT, (consent_id,))]


def lock_due_referrals(tx: Transaction, now: datetime) -> list[Referral]:
    """Lock and return referrals whose clock has a step due, longest due first; leave those that others are changing."""
    return [_from_row(row) for row in tx.fetch(LOCK_DUE, (now,))]


def save_referral(tx: Transaction, referral: Referral, cause: Cause | None = None) -> None:
    """Write what has happened to a referral since it was locked; `cause` is None for a clock."""
    tx.write(SAVE_REFERRAL, _to_row(referral), key=referral.referral_id)
    tx.put(LOCK_REFERRALS, referral.referral_id, replace(referral, steps=()))
    _add_history(tx, referral, cause)


def check_reopening(tx: Transaction, referral: Referral) -> None:
    """Refuse to open a referral again without its consent, or beside another for the same person and service."""
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


# ---------------------------------------------------------------------------------------------------------------------
# Rows
# ---------------------------------------------------------------------------------------------------------------------


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
        "redirected_from": referral.redirected_from,
        "unpurged": referral.unpurged,
        "clock_length": _interval(clock.length) if clock else None,
        "clock_ends_at": clock.ends_at if clock else None,
        "clock_step": clock.step if clock else None,
        "due_at": clock.due_at if clock else None,
        "stopped_length": _interval(stopped.length) if stopped else None,
        "stopped_left": _interval(stopped.left) if stopped else None,
        "stopped_step": stopped.step if stopped else None,
    }


def _from_row(row: Row) -> Referral:
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
