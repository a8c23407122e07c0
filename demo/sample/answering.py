"""What partners' staff would answer, were there any: soon, seldom no, and the same for the same referral each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import ReferralOffered, ReferralStatus
from contracts.codes import ReferralState
from demo.sample.script import ANSWERED, QUESTIONS, TOLD, Line, visit_at

SOON: Final = (4, 12)  # seconds: a system that takes it in
LATER: Final = (10, 45)  # seconds: somebody who reads it
DECISIONS: Final = (*["accepted"] * 7, "info_requested", "declined", "waitlisted")


@dataclass(frozen=True)
class Answer:
    """What is said to a message, and after how long."""

    line: Line
    after: timedelta


def answer(message: contracts.Message[Any], me: str, asked_before: bool) -> Answer | None:
    """What an organisation says to what has come for it, if anything. `asked_before`: it has put its question."""
    match message.data:
        case ReferralOffered() as offered:
            return _answer(message, me, "referral.received.v1", offered.referral_id, within=SOON)
        case ReferralStatus() as status:
            return _to_status(message, status, me, asked_before)
    return None


def _to_status(message: contracts.Message[Any], status: ReferralStatus, me: str, asked_before: bool) -> Answer | None:
    of, is_recipient = status.referral_id, status.recipient == me
    match status.state:
        case ReferralState.RECEIVED if is_recipient:
            return _decision(message, status, me, asked_before)
        case ReferralState.ACCEPTED if is_recipient:
            return _answer(message, me, "referral.scheduled.v1", of, note=TOLD, to=status.sender)
        case ReferralState.CANCEL_REQUESTED if is_recipient:
            return _answer(message, me, "referral.cancelled.v1", of)
        case ReferralState.INFO_REQUESTED if not is_recipient:
            return _answer(message, me, "referral.info_provided.v1", of, note=ANSWERED, to=status.recipient)
        case ReferralState.COMPLETED if not is_recipient and status.onward_state is None:
            more = {"outcome": status.outcome, "not_met_reason": status.not_met_reason}
            return _answer(message, me, "referral.closed.v1", of, more)
        case ReferralState.CONSENT_WITHDRAWN:
            return _answer(message, me, "referral.purged.v1", of)
    return None


def _decision(message: contracts.Message[Any], status: ReferralStatus, me: str, asked_before: bool) -> Answer:
    of = status.referral_id
    decision = DECISIONS[_drawn(of, "decision", len(DECISIONS))]
    if decision == "info_requested" and not asked_before:
        return _answer(
            message, me, "referral.info_requested.v1", of, {"topic": "documents"}, note=QUESTIONS[0], to=status.sender
        )
    more: Mapping[str, Any] = {}
    if decision == "declined":
        more = {"reason": "no_capacity"}
    elif decision == "waitlisted":
        more = {"place_in_line": 1 + _drawn(of, "place", 5), "estimate_days": 10}
    else:
        decision = "accepted"
    return _answer(message, me, f"referral.{decision}.v1", of, more)


def _answer(
    message: contracts.Message[Any],
    me: str,
    type: str,
    of: UUID,
    more: Mapping[str, Any] | None = None,
    *,
    note: str | None = None,
    to: str | None = None,
    within: tuple[int, int] = LATER,
) -> Answer:
    def data(now: datetime) -> Mapping[str, Any]:
        said: dict[str, Any] = {"referral_id": of, **(more or {})}
        if type == "referral.scheduled.v1":
            said |= {"visit_at": visit_at(1, _drawn(of, "visit", 18), now), "mode": "at_provider"}
        if type == "referral.purged.v1":
            said["purged_at"] = now
        return said

    shortest, longest = within
    after = timedelta(seconds=shortest + _drawn(message.id, "delay", longest - shortest))
    line = Line(f"{me} answers {message.id}", me, type, data, to, {"text": note} if note is not None else None)
    return Answer(line, after)


def _drawn(id: UUID, what: str, many: int) -> int:
    """A number below `many` that is always the same for this id."""
    return int.from_bytes(sha256(f"{id} {what}".encode()).digest()[:8], "big") % many
