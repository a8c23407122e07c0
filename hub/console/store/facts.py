"""Facts as they come in: each statement takes many, keeps the newest word, and does nothing when repeated."""

from typing import Final, LiteralString

from messaging.database import Row
from messaging.transaction import Transaction

REFERRAL: Final = """
    insert into referral as known (
        referral_id, sequence, short_code, state, changed_at, changed_by, sender, recipient, service_id, person_id,
        need_id, need_code, urgency, sent_at, due_at, waits_for, waits_on, visit_at)
    select referral_id, sequence, short_code, state, changed_at, changed_by, sender, recipient, service_id, person_id,
        need_id, need_code, urgency, sent_at, due_at, waits_for, waits_on, visit_at
    from jsonb_populate_recordset(null::referral, %s::jsonb)
    on conflict (referral_id) do update set
        sequence = excluded.sequence, state = excluded.state, changed_at = excluded.changed_at,
        changed_by = excluded.changed_by, due_at = excluded.due_at, waits_for = excluded.waits_for,
        waits_on = excluded.waits_on, visit_at = excluded.visit_at, need_id = excluded.need_id
        where known.sequence < excluded.sequence
            or known.sequence = excluded.sequence and known.need_id is null and excluded.need_id is not null
"""

STEP: Final = """
    insert into step (referral_id, sequence, state, changed_at, changed_by, details)
    select referral_id, sequence, state, changed_at, changed_by, details
    from jsonb_populate_recordset(null::step, %s::jsonb)
    on conflict do nothing
"""

EVENT: Final = """
    insert into event (referral_id, what, noted_at, noted_by, details)
    select referral_id, what, noted_at, noted_by, details
    from jsonb_populate_recordset(null::event, %s::jsonb)
    on conflict do nothing
"""

ESCALATION: Final = """
    insert into escalation as known (referral_id, escalated_at)
    select referral_id, escalated_at from jsonb_populate_recordset(null::escalation, %s::jsonb)
    on conflict (referral_id) do update set escalated_at = excluded.escalated_at
        where known.escalated_at < excluded.escalated_at
"""

# Whoever was waited for has moved: nobody need be chased for what was due before.
MOVED_ON: Final = """
    delete from escalation using jsonb_to_recordset(%s::jsonb) as old (referral_id uuid, changed_at timestamptz)
    where escalation.referral_id = old.referral_id and escalation.escalated_at < old.changed_at
"""

# Whoever was asked a second time, having said that it is done, owes it again.
PURGE_ASKED: Final = """
    insert into purge_asked as known (referral_id, organisation, asked_at, purge_by)
    select referral_id, organisation, asked_at, purge_by from jsonb_populate_recordset(null::purge_asked, %s::jsonb)
    on conflict (referral_id, organisation) do update set
        asked_at = greatest(known.asked_at, excluded.asked_at), purge_by = greatest(known.purge_by, excluded.purge_by)
"""

PURGE_RECEIPT: Final = """
    insert into purge_asked as known (referral_id, organisation, purged_at)
    select referral_id, organisation, purged_at from jsonb_populate_recordset(null::purge_asked, %s::jsonb)
    on conflict (referral_id, organisation) do update set purged_at = greatest(known.purged_at, excluded.purged_at)
"""

# Whoever has called again without saying when to telephone does not telephone any more.
CALL_BACK: Final = """
    insert into call_back as known (referral_id, organisation, noted_at, call_back_at)
    select referral_id, organisation, noted_at, call_back_at from jsonb_populate_recordset(null::call_back, %s::jsonb)
    on conflict (referral_id, organisation) do update
    set noted_at = excluded.noted_at, call_back_at = excluded.call_back_at where known.noted_at < excluded.noted_at
"""

LINK: Final = """
    insert into link (later, earlier)
    select later, earlier from jsonb_populate_recordset(null::link, %s::jsonb)
    on conflict do nothing
"""

# Of a service the last word holds: of two that were said of the same publication, the one with the later capacity.
SERVICE: Final = """
    insert into service as known (
        service_id, organisation, name, need_codes, zones, active, published_at, capacity, waiting, estimate_days,
        stated_at, valid_until)
    select service_id, organisation, name, need_codes, zones, active, published_at, capacity, waiting, estimate_days,
        stated_at, valid_until
    from jsonb_populate_recordset(null::service, %s::jsonb)
    on conflict (service_id) do update set
        organisation = excluded.organisation, name = excluded.name, need_codes = excluded.need_codes,
        zones = excluded.zones, active = excluded.active, published_at = excluded.published_at,
        capacity = excluded.capacity, waiting = excluded.waiting, estimate_days = excluded.estimate_days,
        stated_at = excluded.stated_at, valid_until = excluded.valid_until
        where (known.published_at, coalesce(known.stated_at, '-infinity'))
            < (excluded.published_at, coalesce(excluded.stated_at, '-infinity'))
"""

TRIAGE: Final = """
    insert into triage as known (need_id, person_id, urgency, triaged_by, triaged_at)
    select need_id, person_id, urgency, triaged_by, triaged_at from jsonb_populate_recordset(null::triage, %s::jsonb)
    on conflict (need_id) do update set
        person_id = excluded.person_id, urgency = excluded.urgency, triaged_by = excluded.triaged_by,
        triaged_at = excluded.triaged_at
        where known.triaged_at < excluded.triaged_at
"""

# What is known of a consent comes in any order: what it allows is said once, whether it holds apart from that.
CONSENT: Final = """
    insert into consent as known (
        consent_id, person_id, granted_to, purposes, recipients, field_groups, valid_from, valid_until, given_by,
        manner, language)
    select consent_id, person_id, granted_to, purposes, recipients, field_groups, valid_from, valid_until, given_by,
        manner, language
    from jsonb_populate_recordset(null::consent, %s::jsonb)
    on conflict (consent_id) do update set
        person_id = excluded.person_id, granted_to = excluded.granted_to, purposes = excluded.purposes,
        recipients = excluded.recipients, field_groups = excluded.field_groups, valid_from = excluded.valid_from,
        valid_until = excluded.valid_until, given_by = excluded.given_by, manner = excluded.manner,
        language = excluded.language, forgotten = known.forgotten or excluded.forgotten
"""

SUSPENSION: Final = """
    insert into consent as known (consent_id, suspended_at)
    select consent_id, suspended_at from jsonb_populate_recordset(null::consent, %s::jsonb)
    on conflict (consent_id) do update set suspended_at = greatest(known.suspended_at, excluded.suspended_at)
"""

RESUMPTION: Final = """
    insert into consent as known (consent_id, resumed_at)
    select consent_id, resumed_at from jsonb_populate_recordset(null::consent, %s::jsonb)
    on conflict (consent_id) do update set resumed_at = greatest(known.resumed_at, excluded.resumed_at)
"""

END_OF_CONSENT: Final = """
    insert into consent as known (
        consent_id, ended_at, end_reason, withdrawn_by, withdrawn_manner, withdrawn_at, withdrawn_through)
    select consent_id, ended_at, end_reason, withdrawn_by, withdrawn_manner, withdrawn_at, withdrawn_through
    from jsonb_populate_recordset(null::consent, %s::jsonb)
    on conflict (consent_id) do update set
        ended_at = excluded.ended_at, end_reason = excluded.end_reason, withdrawn_by = excluded.withdrawn_by,
        withdrawn_manner = excluded.withdrawn_manner, withdrawn_at = excluded.withdrawn_at,
        withdrawn_through = excluded.withdrawn_through
"""

ERASURE: Final = """
    insert into erasure (person_id, erased_at)
    select person_id, erased_at from jsonb_populate_recordset(null::erasure, %s::jsonb)
    on conflict do nothing
"""


# What was seen of somebody stays in the audit, and nobody can tell any more of whom (audit.py).
FORGET: Final = """
    insert into person_key as known (person, erased_at)
    select person, erased_at from jsonb_populate_recordset(null::person_key, %s::jsonb)
    on conflict (person) do update set key = null, erased_at = coalesce(known.erased_at, excluded.erased_at)
"""


def keep(tx: Transaction, statement: LiteralString, fact: Row) -> None:
    """Keep one fact by the statement of its kind, with the others of its batch."""
    tx.write(statement, fact)
