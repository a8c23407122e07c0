"""What became of a message: what each service has said of it, and what that comes to. Pure.

Services say it in `messages.processed`, one report a batch; the courier keeps what each has said last, by `supersedes`,
in the table `outcome`. What `GET /v1/messages/{id}`, `Prefer: wait` and `./ruta why` answer is `whole`, and `in_words`
of it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts.refusals import explain
from messaging.topology import Service

GATEWAY = "gateway"  # the service whose refusals are admission's
Language = Literal["es", "en"]
State = Literal["accepted", "waits", "refused", "quarantined", "applied"]

# A service applies or refuses a message once, and that is the end of it; until then it may say this and that.
_ENDS = {"waits": 1, "quarantined": 1, "handed_to": 2, "refused": 2, "applied": 3}
UNDONE: tuple[State, ...] = ("refused", "quarantined", "waits")  # the first that any service says holds for all
CHANGES_NOTHING = "repeated"


@dataclass(frozen=True, slots=True)
class Said:
    """What one service has said of one message."""

    service: str
    """Of one that an organisation runs itself `<organisation>.<system>`; `gateway` where the message was not let in."""
    state: str
    """One of `applied`, `waits`, `refused`, `quarantined`, `handed_to`."""
    code: str | None
    """Why it is refused or quarantined, or what it waits for."""
    waiting_for: str | None
    """The subject whose next message may end the wait; None, too, where that was an erased person's."""
    until: datetime | None
    """When the wait ends by a refusal, at the latest."""
    at: datetime
    """When the service said so, by its clock."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What has become of a message so far."""

    state: State
    said: tuple[Said, ...]
    """By service, what each has said last."""
    silent: tuple[str, ...]
    """The services that read such messages and have not said anything yet."""

    @property
    def is_final(self) -> bool:
        """Whether nothing else comes of it by itself."""
        return self.state in ("applied", "refused", "quarantined")


def supersedes(new: Said, old: Said) -> bool:
    """Tell whether what a service says takes the place of what the same one has said of the same message.

    Reports come in the order in which their service committed, but for two things: after a lost connection the broker
    delivers again what was not acknowledged, so that an old one may stand behind a newer; and a process that takes over
    may have another clock. So what ends a message's way in a service stands against whatever comes, and nothing is
    asked of any clock; only of two reports of a message that is still on its way the later one holds, and where clocks
    mislead there, its end sets that right.
    """
    if _rank(new) != _rank(old):
        return _rank(new) > _rank(old)
    if _rank(new) != _ENDS["waits"]:
        return False
    # What is quarantined has no end that would set it right: only who tries it again, later, takes it out of there.
    return (new.state == "quarantined" and old.state == "waits") or new.at >= old.at


def _rank(said: Said) -> int:
    return _ENDS[said.state]


def readers(contract_type: str, services: Mapping[str, Service]) -> frozenset[str]:
    """Return the hub's services that read messages of this type."""
    name = contract_type.rpartition(".v")[0]
    return frozenset(one.name for one in services.values() if name in one.reads)


def type_of(rows: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the type of the message that these rows of `outcome` are about, None where it could not be read.

    A service has read the message that it speaks of; the gateway may have refused an earlier attempt, of which it could
    read less, or another type.
    """
    return next((row["type"] for row in sorted(rows, key=lambda row: row["service"] == GATEWAY) if row["type"]), None)


def whole(said: Iterable[Said], readers: Collection[str], accepted_at: datetime | None = None) -> Whole:
    """Return what all of it comes to.

    One service that refuses makes the message refused, whatever others made of it: its sender has to do something. It
    is applied when every reader says so. What was brought to a service that an organisation runs itself is that one's:
    none of the hub's has it. The gateway's refusal counts only where no service knows the message: otherwise it was
    said of another attempt to send it, as it was before it was accepted, at `accepted_at`, by HTTP.
    """
    parts = sorted(said, key=lambda one: (one.at, one.service))
    if accepted_at is not None:
        parts = [one for one in parts if one.service != GATEWAY or one.at > accepted_at]
    inside = [one for one in parts if one.service != GATEWAY]
    if inside:
        parts = inside
    handed = any(one.state == "handed_to" for one in parts)
    heard = {one.service for one in parts}
    refused_outside = bool(parts) and not inside
    silent = () if handed or refused_outside else tuple(sorted(set(readers) - heard))
    return Whole(_state({one.state for one in parts}, all_heard=bool(parts) and not silent), tuple(parts), silent)


def _state(said: Collection[str], *, all_heard: bool) -> State:
    for state in UNDONE:
        if state in said:
            return state
    return "applied" if all_heard else "accepted"


_STATES: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "accepted": "It has come in, and not every service that reads it has said what became of it.",
        "waits": "It waits, and is tried again by itself.",
        "refused": "It was refused, and is never tried again.",
        "quarantined": "It could not be processed, and waits until operators decide. Nothing of it is lost.",
        "applied": "It was applied.",
    },
    "es": {
        "accepted": "Ya entró, y falta que algún servicio que lo lee diga qué hizo con él.",
        "waits": "Está en espera, y se vuelve a intentar solo.",
        "refused": "Fue rechazado, y no se vuelve a intentar.",
        "quarantined": "No se pudo procesar, y espera a que quien opera la red decida. No se pierde nada.",
        "applied": "Quedó aplicado.",
    },
}
_PARTS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "waits": "{service}: it waits{waiting_for}{until}.",
        "refused": "{service}: refused.",
        "quarantined": "{service}: put aside for operators.",
        "applied": "{service}: applied.",
        "handed_to": "{service}: handed over to this service, which the organisation runs itself.",
        "silent": "{service}: nothing yet.",
        "waiting_for": " for what is to come about {subject}",
        "until": ", until {until} at the latest",
    },
    "es": {
        "waits": "{service}: en espera{waiting_for}{until}.",
        "refused": "{service}: rechazado.",
        "quarantined": "{service}: apartado para quien opera la red.",
        "applied": "{service}: aplicado.",
        "handed_to": "{service}: entregado a este servicio, que es de la propia organización.",
        "silent": "{service}: todavía nada.",
        "waiting_for": " de lo que falta sobre {subject}",
        "until": ", a más tardar hasta {until}",
    },
}


def state_in_words(state: State, language: Language) -> str:
    """Say a message's state in a sentence."""
    return _STATES[language][state]


def part_in_words(said: Said, language: Language) -> str:
    """Say what one service has said; its code's own words follow."""
    words = _PARTS[language]
    waiting_for = words["waiting_for"].format(subject=said.waiting_for) if said.waiting_for else ""
    until = words["until"].format(until=f"{said.until:%Y-%m-%d %H:%M:%S %Z}") if said.until else ""
    sentence = words[said.state].format(service=said.service, waiting_for=waiting_for, until=until)
    return f"{sentence} {_explained(said, language)}".rstrip()


def in_words(one: Whole, language: Language) -> list[str]:
    """Say all of it: the state first, then what each service has said, and who is silent."""
    silent = [_PARTS[language]["silent"].format(service=service) for service in one.silent]
    return [state_in_words(one.state, language), *(part_in_words(said, language) for said in one.said), *silent]


def _explained(said: Said, language: Language) -> str:
    if said.code is None:
        return ""
    return f"{explain(said.code, said.service, language, waits=said.state == 'waits')} ({said.code})"


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Said]:
    """Make them of rows of the table `outcome`."""
    return [
        Said(row["service"], row["state"], row["code"], row["waiting_for"], row["until"], row["changed_at"])
        for row in rows
    ]
