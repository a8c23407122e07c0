"""What has to hold before a referral goes out: a service, a consent that covers it, or a life at risk."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from contracts.deadlines import DECIDE_WITHIN, HOURS, Urgency
from contracts.transitions import SENDER, SENT
from messaging.answers import Refused
from messaging.plausible import CLOCKS_DIFFER, check_not_before, check_planned
from services.referrals.rules.confidential import check_may_have
from services.referrals.rules.directory import Service
from services.referrals.rules.referrals import Referral, Step, enter, note

PURPOSE = "refer"  # what a consent has to allow for a referral
CONSENT_OVERRIDDEN = "consent_overridden"  # the step that history keeps of an override
OVERRIDES_AT_MOST = 20  # of one organisation in an hour: a life at risk is no way round asking people
CONFIDENTIAL_MAY_SHARE = frozenset({"contact", "needs", "health", "protection"})  # the least that a safe answer takes


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's word on who may know what about them, as intake recorded it."""

    consent_id: UUID
    person_id: UUID | None
    case_code: str | None
    granted_to: str
    purposes: Set[str]
    recipients: Set[str]
    field_groups: Set[str]
    valid_from: datetime
    valid_until: datetime | None
    ended_at: datetime | None = None
    suspended_at: datetime | None = None  # while somebody's word stands that the person has taken it back


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody answerable says that a life is at risk, and lets data go without consent for some hours."""

    authorised_by: str
    reason: str
    given_at: datetime
    lasts: timedelta
    used_before: Sequence[datetime] = ()  # when its sender has used others


def latest_answer(urgency: Urgency, *, at: datetime) -> datetime:
    """When a referral sent at `at` has to be decided at the latest."""
    return at + DECIDE_WITHIN[urgency]


def send(
    draft: Referral,
    *,
    service: Service,
    consent: Consent | None,
    override: Override | None,
    shares: Set[str],
    use_screens: Set[str],
    follow_up_on: date | None = None,
    by: str,
    at: datetime,
) -> Referral:
    """Send a draft: from here on its recipient is waited for, no longer than the urgency allows.

    `by` is who passes the data on: the sender, or the recipient that redirects. `shares` are the groups of fields that
    go sealed, `use_screens` who reads with the hub's screens, `follow_up_on` when the sender wants to hear afterwards.
    There has to be a consent or an override.
    """
    if draft.sender == draft.recipient:
        raise Refused("recipient_is_sender")
    check_may_have(draft, use_screens=use_screens, where="data.recipient")
    check_service(service, recipient=draft.recipient)
    if draft.case_code is not None and not shares <= CONFIDENTIAL_MAY_SHARE:
        raise Refused("confidential_shares_too_much")
    if draft.answer_by <= at:
        raise Refused("answer_by_passed")
    check_planned(draft.answer_by, now=at)
    check_not_before(follow_up_on, at, code="before_it_was_sent")
    check_planned(follow_up_on, now=at)
    if consent is not None:
        check_consent(consent, draft, by=by, shares=shares, at=at)
    elif override is not None:
        draft = use_override(override, draft, by=by, at=at)
    else:
        raise Refused("consent_missing")
    answer_by = min(draft.answer_by, latest_answer(draft.urgency, at=at))
    draft = replace(
        draft,
        sent_by=by,
        sent_at=at,
        answer_by=answer_by,
        zone=service.only_zone,
        answered_by_hub=service.answered_by_hub,
    )
    return enter(draft, SENT, actor=SENDER, by=by, at=at)


def check_service(service: Service, *, recipient: str) -> None:
    """Let a referral go only to the organisation that offers the service, and only while it offers it."""
    if service.organisation != recipient:
        raise Refused("service_not_of_recipient")
    if not service.active:
        raise Refused("service_inactive")


def check_consent(consent: Consent, draft: Referral, *, by: str, shares: Set[str], at: datetime) -> None:
    """Let `by` pass data about a person on only as that person has said: to whom, for what, what, and how long.

    Intake asks the same before it refers a need (services/intake/rules/referring.py), in this order, so that a consent
    is refused under the same code by both. Not the same function: services share no rules, intake knows why a consent
    has ended, and only here does the sender say what it shares, and of whom where the case is confidential.
    """
    if (consent.person_id, consent.case_code) != (draft.person_id, draft.case_code):
        raise Refused("consent_of_another_person")
    if consent.granted_to != by:
        raise Refused("consent_not_granted_to_you")
    # Before its end is asked for: one that has lapsed is ended by intake, too, but nobody has taken it back.
    if consent.valid_until is not None and consent.valid_until <= at:
        raise Refused("consent_expired")
    if consent.ended_at is not None:
        raise Refused("consent_withdrawn")
    if consent.suspended_at is not None:
        raise Refused("consent_suspended")
    if consent.valid_from > at + CLOCKS_DIFFER:
        raise Refused("consent_not_valid_yet")
    if PURPOSE not in consent.purposes:
        raise Refused("consent_not_for_purpose")
    if draft.recipient not in consent.recipients:
        raise Refused("consent_not_for_recipient")
    if not shares <= consent.field_groups:
        raise Refused("consent_not_for_fields")


def use_override(override: Override, draft: Referral, *, by: str, at: datetime) -> Referral:
    """Note, for the audit, who let this go without consent, why, and until when that could be used.

    The hours count from when the sender says that it wrote the message, and never from later than now.
    """
    expires_at = min(override.given_at, at) + override.lasts
    if expires_at <= at:
        raise Refused("override_expired")
    if sum(one > at - HOURS for one in override.used_before) >= OVERRIDES_AT_MOST:
        raise Refused("override_limit")
    details = {"authorised_by": override.authorised_by, "expires_at": expires_at.isoformat()}
    return note(draft, Step(CONSENT_OVERRIDDEN, by, SENDER, at, reason=override.reason, details=details))
