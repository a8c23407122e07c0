"""What a reason says to people, in Spanish, for formats that want words beside a code."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts import codes, label
from contracts.codes import ReferralState as State
from contracts.words import capital

LISTS: Final[Mapping[str, type[StrEnum]]] = MappingProxyType(
    {
        "decline_reason": codes.DeclineReason,
        "cancel_reason": codes.CancelReason,
        "error_reason": codes.ErrorReason,
        "reopen_reason": codes.ReopenReason,
        "not_met_reason": codes.NotMetReason,
        "topic": codes.InfoTopic,
        "outcome": codes.Outcome,
    }
)
"""Whose codes each field has that says why."""

ENOUGH: Final = frozenset({State.WAITLISTED, State.REDIRECTED, State.EXPIRED, State.CANCELLED, State.CONSENT_WITHDRAWN})
"""The states that say why by themselves."""


def in_words(reasons: Mapping[str, object], state: str) -> str | None:
    """Say why, in one line: the reasons, each by its field, or else the state alone; None where neither says why.

    Raises contracts.NoWords for a code that its list does not have.
    """
    said = [_sentence(field, str(code)) for field, code in reasons.items()]
    if not said and state in ENOUGH:
        said = [f"La referencia está {label(state, of=State.__name__)}"]
    return ". ".join(said) or None


def _sentence(field: str, code: str) -> str:
    words = label(code, of=LISTS[field].__name__)
    return f"Se pregunta por: {words}" if field == "topic" else capital(words)
