"""What the hub's other services are told of referrals and services, as it is kept, and said again."""

import json
from collections.abc import Set
from datetime import datetime
from typing import Any, Final

import contracts
from contracts import Draft, codes
from services.referrals.messages.notices import COUNTED, standing, unchanging
from services.referrals.rules import Referral

# What is the same in all that is told of a referral, or stands in columns of its own.
OF_THE_REFERRAL: Final = frozenset(
    {
        *("referral_id", "state", "changed_at", "changed_by", "sender", "recipient", "service_id", "person_id"),
        *("confidential", "need_id", "need_code", "urgency", "sent_at", "zone", "redirected_from"),
        *("consent_id", "override", "reason_code", "shares", "minor"),
    }
)
OF_A_PURGE: Final = frozenset({codes.ReferralEvent.PURGE_OWED, codes.ReferralEvent.PURGED})
OF_THE_EVENT: Final = frozenset({"referral_id", "what", "noted_at", "noted_by", "confidential"})


def fact(draft: Draft) -> dict[str, Any] | None:
    """What is kept of a draft: of what the hub's services are told of a referral; None of any other."""
    said = draft.data
    if isinstance(said, contracts.ReferralRecorded):
        return _row(draft, said.state, said.changed_at, said.changed_by, OF_THE_REFERRAL)
    if isinstance(said, contracts.ReferralNoted):
        return _row(draft, said.what, said.noted_at, said.noted_by, OF_THE_EVENT)
    return None


def _row(draft: Draft, what: str, at: datetime, by: str, known: Set[str]) -> dict[str, Any]:
    return {
        "referral_id": draft.subject,
        "number": draft.sequence,
        "what": what,
        "told_at": at,
        "told_by": by,
        "details": draft.data.model_dump(mode="json", exclude_none=True, exclude_defaults=True, exclude=set(known)),
    }


def referral_again(
    referral: Referral, *, number: int | None, what: str, at: datetime, by: str, details: dict[str, Any], is_whole: bool
) -> contracts.FactSaid:
    """Say again what was told of a referral.

    Of what was told before it was kept `details` are what history has of it; where the referral stands now is known.
    """
    if number is None:
        event = {"referral_id": referral.referral_id, "what": what, "noted_at": at, "noted_by": by}
        more = {"state": details["state"]} if referral.is_confidential else details
        if not is_whole and not referral.is_confidential and what in OF_A_PURGE:
            more = {**more, "awaited": referral.unpurged}  # who owes it now owed it then
        noted = _read(contracts.ReferralNoted, event | {"confidential": referral.is_confidential} | more)
        return contracts.FactSaid(referral_noted=noted)
    reached = {"state": what, "changed_at": at, "changed_by": by}
    if not is_whole:
        if referral.is_confidential:
            details = {name: value for name, value in details.items() if name in COUNTED}
        reached |= {"answer_by": referral.answer_by} | (standing(referral) if number == referral.sequence else {})
    recorded = _read(contracts.ReferralRecorded, unchanging(referral) | reached | details)
    return contracts.FactSaid(sequence=number, referral_recorded=recorded)


def service_again(recorded: Draft) -> contracts.FactSaid:
    """Say again what is known of a service."""
    assert isinstance(recorded.data, contracts.ServiceRecorded)
    return contracts.FactSaid(service_recorded=recorded.data)


def facts_said(asked: contracts.FactsAsked, page: Any) -> Draft:
    """Say a page of facts to the reader that has asked for it."""
    said = contracts.FactsSaid(
        rebuild_id=asked.rebuild_id,
        reader=asked.reader,
        service=asked.service,
        page=asked.page,
        facts=page.facts,
        after=page.after,
        total=page.total,
    )
    return Draft(said, subject=str(asked.rebuild_id))


def _read(model: Any, said: dict[str, Any]) -> Any:
    """Read what is kept, which is JSON in part."""
    known = {name: value for name, value in said.items() if value is not None}
    return model.model_validate_json(json.dumps(known, default=_text))


def _text(value: object) -> Any:
    if isinstance(value, contracts.Minor):
        return value.model_dump(mode="json", exclude_none=True)
    return value.isoformat() if isinstance(value, datetime) else str(value)
