"""By whose word a referral goes: the person's consent, whether it holds, or that a life is at risk."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from contracts.codes import ConsentEnd
from hub.console.web.saying import Saying
from hub.console.web.words import N_


class Standing(StrEnum):
    """Whether data may still be passed on under a consent."""

    HOLDS = "holds"
    NOT_YET = "not_yet"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    UNKNOWN = "unknown"
    OVERRIDDEN = "overridden"
    """There is none: the referral went out because a life was at risk."""


WORDS: Final[Mapping[Standing, str]] = {
    Standing.HOLDS: N_("Vigente"),
    Standing.NOT_YET: N_("Todavía no rige"),
    Standing.SUSPENDED: N_("En duda: dicen que la persona lo retiró"),
    Standing.WITHDRAWN: N_("Retirado"),
    Standing.LAPSED: N_("Vencido"),
    Standing.UNKNOWN: N_("No se sabe si está vigente"),
    Standing.OVERRIDDEN: N_("Sin consentimiento"),
}


@dataclass(frozen=True)
class Shown:
    """What a page says of it: whether it holds, and how it was given and taken back, each with its label."""

    standing: Standing
    words: str
    details: Sequence[tuple[str, str]]


def standing(consent: Mapping[str, Any] | None, now: datetime) -> Standing:
    """Whether a consent holds at a moment, as far as is known."""
    if consent is None:
        return Standing.UNKNOWN
    if consent["end_reason"] is not None:
        return Standing.LAPSED if consent["end_reason"] == ConsentEnd.LAPSED else Standing.WITHDRAWN
    if consent["valid_from"] is None:
        return Standing.UNKNOWN
    if consent["valid_until"] is not None and consent["valid_until"] <= now:
        return Standing.LAPSED
    if consent["suspended"]:
        return Standing.SUSPENDED
    return Standing.NOT_YET if consent["valid_from"] > now else Standing.HOLDS


def shown(consent: Mapping[str, Any] | None, override: str | None, say: Saying, *, through: bool) -> Shown:
    """What a page says. `through` is whether it says to which organisation the person went to take it back.

    Whoever coordinates may know that; no party is told by it where a person goes.
    """
    if override is not None:
        why = (say.text(N_("Motivo")), say.code(override, "OverrideReason"))
        return Shown(Standing.OVERRIDDEN, say.text(WORDS[Standing.OVERRIDDEN]), [why])
    holds = standing(consent, say.now)
    return Shown(holds, say.text(WORDS[holds]), [*_details(consent or {}, holds, say, through=through)])


def _details(consent: Mapping[str, Any], holds: Standing, say: Saying, *, through: bool) -> Iterator[tuple[str, str]]:
    if consent.get("granted_to"):
        yield say.text(N_("Lo pidió")), say.organisation(consent["granted_to"])
    if consent.get("given_by") and consent.get("manner"):
        who = say.code(consent["given_by"], "ConsentGivenBy")
        yield say.text(N_("Lo dio")), ", ".join((who, say.code(consent["manner"], "ConsentManner")))
    if consent.get("language"):
        yield say.text(N_("Explicado en")), say.code(consent["language"], "Language")
    if holds is Standing.WITHDRAWN:
        if consent.get("withdrawn_by") and consent.get("withdrawn_manner"):
            who = say.code(consent["withdrawn_by"], "ConsentGivenBy")
            yield say.text(N_("Lo retiró")), ", ".join((who, say.code(consent["withdrawn_manner"], "ConsentManner")))
        yield say.text(N_("Desde")), say.exact(consent["ended_at"])
        if through and consent.get("withdrawn_through"):
            yield say.text(N_("Lo dijo en")), say.organisation(consent["withdrawn_through"])
    elif consent.get("valid_until"):
        yield say.text(N_("Hasta")), say.exact(consent["valid_until"])
