"""Primero v2, outwards: what the network tells of a referral, as the calls that bring Primero's own referral there.

Primero calls a referral a transition. Relied upon, all in the repository `primeroIMS/primero`: `app/models/referral.rb`
(the schema of an update, its five statuses; only what is `in_progress` can be accepted or rejected, only what is
`accepted` can be done, and anything else is ignored without a word), `doc/api/referrals/id/delete.md` (revoking) and
`app/controllers/api/v2/referrals_controller.rb` (an update takes `data`, and which of its fields).

Up to 2.16, and on the main branch of August 2026, an update takes `status`, `rejected_reason` and `rejection_note`, and
whatever is done counts as implemented there. A need that was not met is told in the note: else the outcome would turn
into its opposite. Where a referral has a `success_status`, that says it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import contracts
from contracts.codes import DeclineReason, NotMetReason, Outcome
from contracts.codes import ReferralState as State
from contracts.words import capital

from .reading import Json, refuse
from .reasons import in_words

Standing = Literal["in_progress", "accepted", "rejected", "done", "revoked"]
"""The status that a referral has in Primero."""

STANDING: Final[Mapping[State, Standing]] = MappingProxyType(
    {
        State.SENT: "in_progress",
        State.RECEIVED: "in_progress",
        State.INFO_REQUESTED: "in_progress",
        State.WAITLISTED: "in_progress",
        State.ACCEPTED: "accepted",
        State.SCHEDULED: "accepted",
        State.NO_SHOW: "accepted",
        State.VISIT_CANCELLED: "accepted",
        State.IN_SERVICE: "accepted",
        State.DECLINED: "rejected",
        State.REDIRECTED: "rejected",
        State.EXPIRED: "rejected",
        State.COMPLETED: "done",
        State.CLOSED: "done",
        State.CANCELLED: "revoked",
        State.CONSENT_WITHDRAWN: "revoked",
        State.ENTERED_IN_ERROR: "revoked",
    }
)
"""Where Primero's referral stands in each state; asking to cancel moves nothing there until it is agreed to."""

NOT_SUCCESSFUL: Final[Mapping[str, str]] = MappingProxyType(
    {
        DeclineReason.NO_CAPACITY: "lack_of_capacity",
        DeclineReason.COULD_NOT_CONTACT: "unable_to_contact_client",
        DeclineReason.PERSON_NOT_FOUND: "unable_to_contact_client",
        DeclineReason.NO_LONGER_INTERESTED: "client_refused_services",
        NotMetReason.PERSON_MOVED_AWAY: "services_no_longer_needed",
        Outcome.PERSON_WITHDREW: "client_refused_services",
    }
)
"""Primero's `reason_not_successful` for each of our reasons that has one; `other` for the rest."""

_SERVED = frozenset({Outcome.NEED_MET, Outcome.PARTLY_MET})
_OVER = frozenset({"rejected", "done", "revoked"})


Version = Literal["2.16", "success_status"]
"""What a Primero takes when a referral is done: no outcome up to 2.16, or a `success_status`."""

VERSIONS: Final = ("2.16", "success_status")


@dataclass(frozen=True, slots=True)
class Call:
    """One request to Primero's API, on `/api/v2/cases/:id/referrals/:referral_id`."""

    method: Literal["PATCH", "DELETE"]
    body: Json | None = None


def status_to_primero(status: contracts.ReferralStatus, *, standing: str, version: str) -> list[Call]:
    """Say which calls, in this order, bring Primero's referral from where it stands to the state of `status`.

    None when it is there already, or can go nowhere any more: what is over in Primero stays over, a reopened referral
    included. Raises Untranslatable `unknown_code` when `standing` is no status of Primero's, or `version` is none
    of VERSIONS.
    """
    if standing not in STANDING.values():
        refuse("unknown_code", "status")
    if version not in VERSIONS:
        refuse("unknown_code", "version")
    target = STANDING.get(status.state, standing)
    if target == standing or standing in _OVER or target == "in_progress":
        return []
    if target == "revoked":
        return [Call("DELETE")]
    accept = [] if standing == "accepted" else [_patch(status="accepted")]
    if target == "accepted":
        return accept
    if target == "done":
        return [*accept, _done(status, version)]
    if standing == "accepted":  # Primero rejects nothing that was accepted: what was given up is done, without success
        return [_done(status, version)]
    return [_patch(status="rejected", rejected_reason=str(status.decline_reason or status.state))]


def _done(status: contracts.ReferralStatus, version: str) -> Call:
    if version == "2.16":
        note = None if status.outcome in _SERVED else _note(status)
        return _patch(status="done", **({"rejection_note": note} if note else {}))
    if status.outcome in _SERVED:
        return _patch(status="done", success_status="successful", service_implemented="implemented")
    why = status.decline_reason or status.not_met_reason or status.outcome or ""
    return _patch(
        status="done",
        success_status="not_successful",
        reason_not_successful=NOT_SUCCESSFUL.get(why, "other"),
        service_implemented="not_implemented",
    )


def _note(status: contracts.ReferralStatus) -> str:
    """What became of a need that was not met, for people to read."""
    reasons = {
        name: code
        for name in ("outcome", "not_met_reason", "decline_reason")
        if (code := getattr(status, name)) is not None
    }
    return in_words(reasons, status.state) or capital(contracts.label(Outcome.NOT_MET))


def _patch(**data: str) -> Call:
    return Call("PATCH", {"data": data})
