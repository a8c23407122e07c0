"""What the hub's other services were told of consents, needs and the erased, as it is said again."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft
from services.intake.messages.consents import (
    consent_lapsed,
    consent_recorded,
    consent_resumed,
    consent_suspended,
    consent_withdrawn,
)
from services.intake.messages.needs import need_recorded
from services.intake.rules.consents import LAPSED, Consent, Withdrawal
from services.intake.rules.needs import Need


def consent_again(
    consent: Consent,
    *,
    suspended_at: datetime | None,
    resumed_at: datetime | None,
    ended_at: datetime | None,
    ended_through: str | None,
    withdrawal: Withdrawal | None,
) -> list[contracts.FactSaid]:
    """Say again what a person allows, and whether it holds."""
    drafts = _drafts(consent, suspended_at, resumed_at, ended_at, ended_through, withdrawal)
    said: list[dict[str, Any]] = [{kind: draft.data} for kind, draft in drafts]
    return [contracts.FactSaid(**one) for one in said]


def _drafts(
    consent: Consent,
    suspended_at: datetime | None,
    resumed_at: datetime | None,
    ended_at: datetime | None,
    ended_through: str | None,
    withdrawal: Withdrawal | None,
) -> Iterator[tuple[str, Draft]]:
    yield "consent_recorded", consent_recorded(consent)
    if suspended_at is not None:
        yield "consent_suspended", consent_suspended(consent, at=suspended_at)
    if resumed_at is not None:
        yield "consent_resumed", consent_resumed(consent, at=resumed_at)
    if ended_at is None:
        return
    if consent.end_reason == LAPSED:
        yield "consent_ended", consent_lapsed(consent, at=ended_at)
    elif withdrawal is not None and ended_through is not None:
        yield "consent_ended", consent_withdrawn(consent, withdrawal, through=ended_through, at=ended_at)


def erased_again(person_id: UUID, *, at: datetime) -> contracts.FactSaid:
    """Say again that a person is no more."""
    return contracts.FactSaid(person_erased=contracts.PersonErased(person_id=person_id, erased_at=at))


def need_again(need: Need) -> contracts.FactSaid:
    """Say again what a person lacks, as it was triaged last."""
    recorded = need_recorded(need).data
    assert isinstance(recorded, contracts.NeedRecorded)
    return contracts.FactSaid(need_recorded=recorded)


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
