"""Caso: what happened, and who is at it?"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from starlette.responses import Response

from contracts.codes import ReferralEvent, ReferralState
from hub.console import messages
from hub.console.store import absences, cases, openings
from hub.console.store.absences import Deadline
from hub.console.store.cases import Case
from hub.console.web import acting, consents, delivery, holding, learned, person, showing
from hub.console.web.errors import Stopped
from hub.console.web.moves import Standing
from hub.console.web.pace import OPENED_BY_A_PERSON, OPENED_BY_AN_ORGANISATION, Paces
from hub.console.web.permissions import OF_CASES, may_come
from hub.console.web.saying import Saying
from hub.console.web.screen import Screen
from hub.console.web.settings import Settings
from hub.console.web.visit import BY_ITSELF, Visit
from hub.console.web.words import N_
from messaging import clock
from messaging.database import Row

PATH: Final = "/caso/{referral_id:uuid}"

# What happened, in a sentence: `by` is who did it, and the parties of the referral are there.
STEPS: Final[Mapping[str, str]] = {
    ReferralState.SENT: N_("%(by)s la envió a %(recipient)s."),
    ReferralState.RECEIVED: N_("%(recipient)s la recibió."),
    ReferralState.ACCEPTED: N_("%(by)s la aceptó."),
    ReferralState.DECLINED: N_("%(by)s la rechazó."),
    ReferralState.WAITLISTED: N_("%(by)s puso a la persona en su lista de espera."),
    ReferralState.REDIRECTED: N_("%(by)s la pasó a otra organización."),
    ReferralState.INFO_REQUESTED: N_("%(by)s preguntó algo a %(sender)s."),
    ReferralState.EXPIRED: N_("Venció sin respuesta."),
    ReferralState.SCHEDULED: N_("%(by)s dio una cita."),
    ReferralState.IN_SERVICE: N_("%(by)s está atendiendo a la persona."),
    ReferralState.NO_SHOW: N_("La persona no vino a la cita."),
    ReferralState.VISIT_CANCELLED: N_("La cita se canceló."),
    ReferralState.COMPLETED: N_("%(by)s terminó de atender."),
    ReferralState.CLOSED: N_("%(by)s la cerró."),
    ReferralState.CANCEL_REQUESTED: N_("%(by)s pidió cancelarla."),
    ReferralState.CANCELLED: N_("Se canceló."),
    ReferralState.CONSENT_WITHDRAWN: N_("La persona retiró su consentimiento."),
    ReferralState.ENTERED_IN_ERROR: N_("%(by)s la anuló: no debió existir."),
}
CHANGED: Final = N_("Cambió de estado.")  # to one that is newer than these words
# Where the same state was said again.
REPEATED: Final[Mapping[str, str]] = {
    ReferralState.RECEIVED: N_("%(by)s respondió la pregunta."),
    ReferralState.WAITLISTED: N_("El puesto en la lista de espera cambió."),
    ReferralState.SCHEDULED: N_("%(by)s dio otra cita."),
    ReferralState.IN_SERVICE: N_("%(by)s contó cómo va."),
}
EVENTS: Final[Mapping[str, str]] = {
    ReferralEvent.REMINDED: N_("Ruta mandó un recordatorio: falta la respuesta."),
    ReferralEvent.ESCALATED: N_("Ruta avisó a coordinación: nadie respondía."),
    ReferralEvent.ALTERNATIVES_SUGGESTED: N_("Ruta propuso otras organizaciones a %(sender)s."),
    ReferralEvent.PURGE_OWED: N_("Quien tiene los datos tiene que borrarlos."),
    ReferralEvent.PURGED: N_("%(by)s borró los datos que tenía."),
    ReferralEvent.CHASED: N_("%(by)s llamó o escribió para pedir la respuesta."),
    ReferralEvent.TAKEN_ON: N_("%(by)s se encarga de que avance."),
    ReferralEvent.NOTE_ADDED: N_("%(by)s escribió una nota."),
}
EXCUSED: Final = N_(
    "La consola de Ruta no funcionaba: el atraso hasta el %(until)s es de Ruta y no cuenta contra %(who)s."
)
NOTED: Final = N_("Ruta anotó algo.")
EXTENDED: Final = N_("%(by)s dio más plazo.")
# What was said with it, by the fields of the facts: in which list of codes its words are.
CODED: Final[Mapping[str, tuple[str, str]]] = {
    "reason_code": (N_("Motivo de la referencia"), "ReferralReason"),
    "override": (N_("Sin consentimiento, porque"), "OverrideReason"),
    "decline_reason": (N_("Motivo"), "DeclineReason"),
    "criterion": (N_("Requisito que no cumple"), "EligibilityCriterion"),
    "missing_documents": (N_("Documentos que faltan"), "DocumentType"),
    "topic": (N_("Pregunta sobre"), "InfoTopic"),
    "mode": (N_("Cómo"), "VisitMode"),
    "visit_cancelled_by": (N_("Quién la canceló"), "VisitCancelledBy"),
    "outcome": (N_("Resultado"), "Outcome"),
    "not_met_reason": (N_("Por qué no se logró"), "NotMetReason"),
    "cancel_reason": (N_("Motivo"), "CancelReason"),
    "reopen_reason": (N_("Motivo"), "ReopenReason"),
    "error_reason": (N_("Motivo"), "ErrorReason"),
    "means": (N_("Cómo"), "ChaseMeans"),
    "result": (N_("Qué respondieron"), "ChaseResult"),
    "note_kind": (N_("De qué"), "NoteKind"),
    "extension_reason": (N_("Motivo"), "ExtensionReason"),
    "onward_state": (N_("Donde siguió, está"), "ReferralState"),
    "onward_outcome": (N_("Resultado donde siguió"), "Outcome"),
}
REPEATS: Final = frozenset({"reason_code", "override"})
"""What facts say of the referral with each step."""
MOMENTS: Final[Mapping[str, str]] = {
    "visit_at": N_("Cita"),
    "purge_by": N_("A más tardar"),
    "chased_at": N_("Cuándo"),
    "call_back_at": N_("Volver a llamar"),
}
NUMBERS: Final[Mapping[str, str]] = {"place_in_line": N_("Puesto"), "estimate_days": N_("Días de espera, más o menos")}
ORGANISATIONS: Final[Mapping[str, str]] = {"addressees": N_("Para")}
TOLD: Final = ("reason_code", "minor", "shares")
"""What facts say of what was asked, with each step."""
NEXT: Final[Mapping[str, str]] = {
    "remind": N_("Ruta manda un recordatorio"),
    "escalate": N_("Ruta avisa a coordinación"),
    "suggest": N_("Ruta propone otras organizaciones"),
    "expire": N_("la referencia vence"),
    "close": N_("Ruta la cierra"),
}


@dataclass(frozen=True)
class Happening:
    """A line of the story: when, what, and what was said with it, each with its label."""

    at: datetime
    sentence: str
    details: Sequence[tuple[str, str]]
    code: str
    """Of which of the case's referrals."""


def path_of(referral_id: UUID) -> str:
    """Where a referral's case is shown."""
    return f"/caso/{referral_id}"


def screens(settings: Settings) -> Sequence[Screen]:
    """The pages of this module."""
    paces = Paces()

    def show(visit: Visit, *, opens: bool = False) -> Response:
        viewer, say = showing.viewer_of(visit, settings), showing.saying(visit, settings)
        referral_id = UUID(str(visit.path_params["referral_id"]))
        case = cases.case(visit.tx, viewer, referral_id)
        if case is None:
            raise Stopped("not_found")
        about = person.shown(visit, settings, say, viewer, case, opens=opens)  # before anything of people is noted
        people = {str(row["person_id"]) for row in case.referrals if row["person_id"]}
        first = case.referrals[0]
        current = next(row for row in case.referrals if row["referral_id"] == referral_id)
        if BY_ITSELF not in visit.query and visit.may(*OF_CASES):  # by who only audits it is not opened for anybody
            openings.keep(visit.tx, viewer, case, clock.now())
        excused = absences.excused(visit.tx, [*_deadlines(case).values()])
        reached = delivery.Reached(openings.of(visit.tx, case), settings.organisations())
        offered = acting.buttons(visit, settings, case, current, say)
        visit.note("case_seen", people=[*sorted(people), *(row["short_code"] for row in case.referrals)])
        page = visit.page(
            "case.html",
            say=say,
            code=first["short_code"],
            current=current,
            service=cases.service(visit.tx, current["service_id"]),
            consent=_consent(visit, viewer, case, referral_id, say),
            triage=_triage(visit, viewer, current, say),
            referrals=[showing.shown(row, viewer) for row in case.referrals],
            story=[*story(case, viewer, say, excused, reached)],
            excused=_delayed(case, current, excused, say),
            next_step=_next_step(case, referral_id, say),
            in_charge=acting.in_charge(case, referral_id),
            decide_by=_decide_by(case, current),
            requested=[*learned.requested(say, _request(offered.standing))],
            buttons=offered,
            person=about,
            held=holding.held(visit, [current]),
            sees_who_looked=viewer.coordinates and may_come("looks", visit.staff.roles),
        )
        if about is not None and about.until is not None:  # a number may not stand there longer than it is safe
            left = max(1, math.ceil((about.until - clock.now()).total_seconds()))
            if left <= 60 * settings.lock_after:  # otherwise the page goes before
                page.headers["refresh"] = f"{left};url={path_of(referral_id)}?{BY_ITSELF}=1"
        return page

    def show_opened(visit: Visit) -> Response:
        staff = visit.staff
        whom = [
            (("person", staff.code), OPENED_BY_A_PERSON),
            (("organisation", staff.organisation), OPENED_BY_AN_ORGANISATION),
        ]
        if not paces.may(whom):
            raise Stopped("too_many_opened")
        return show(visit, opens=True)

    return (
        Screen("case", PATH, get=show, act="case_seen"),
        Screen("person", f"{PATH}/persona", post=show_opened, act="case_seen", answers_itself=True),
    )


def story(
    case: Case,
    viewer: cases.Viewer,
    say: Saying,
    excused: Mapping[Deadline, datetime],
    reached: delivery.Reached,
) -> Iterator[Happening]:
    """All that happened, as far as it is for a viewer, the first thing first."""
    by_id = {row["referral_id"]: row for row in case.referrals}
    before: dict[UUID, str] = {}
    known: dict[UUID, Mapping[str, Any]] = {}  # what each step repeats of the referral is said where it is new
    lines = []
    for step in case.steps:
        referral = by_id[step["referral_id"]]
        repeated = before.get(step["referral_id"]) in (step["state"], ReferralState.INFO_REQUESTED)
        said = (REPEATED.get(step["state"]) if repeated else None) or STEPS.get(step["state"], CHANGED)
        if "extension_reason" in step["details"]:
            said = EXTENDED
        before[step["referral_id"]] = step["state"]
        details = {name: one for name, one in step["details"].items()
                   if name not in REPEATS or known.get(step["referral_id"], {}).get(name) != one}  # fmt: skip
        known[step["referral_id"]] = step["details"]
        line = _happening(step["changed_at"], said, step["changed_by"], details, referral, say)
        if step["state"] == ReferralState.SENT:
            of_it = [one for one in case.steps if one["referral_id"] == step["referral_id"]]
            line = replace(line, details=[*line.details, *reached.marks(referral, of_it, say)])
        lines.append(line)
    for event in case.events:
        if not _may_know(event, viewer):
            continue
        referral, said = by_id[event["referral_id"]], EVENTS.get(event["what"], NOTED)
        lines.append(_happening(event["noted_at"], said, event["noted_by"], event["details"], referral, say))
    for (referral_id, sequence), deadline in _deadlines(case).items():
        due_at = deadline.due_at
        if deadline in excused and due_at <= min(say.now, _next_after(case, referral_id, sequence)):
            sentence = _excused(deadline.waits_on, excused[deadline], say)
            lines.append(Happening(due_at, sentence, (), by_id[referral_id]["short_code"]))
    yield from sorted(lines, key=lambda line: line.at)


def _deadlines(case: Case) -> dict[tuple[UUID, int], Deadline]:
    """Until when whose answer was waited for after each step after which one was."""
    by_id = {row["referral_id"]: row for row in case.referrals}
    found = {}
    for step in case.steps:
        due_at, party = step["details"].get("due_at"), messages.WAITS_ON.get(step["details"].get("waits_for"))
        if due_at and party:
            referral = by_id[step["referral_id"]]
            deadline = Deadline(referral[party], datetime.fromisoformat(due_at), referral["sent_at"])
            found[step["referral_id"], step["sequence"]] = deadline
    return found


def _next_after(case: Case, referral_id: UUID, sequence: int) -> datetime:
    """When the referral went on after a step; the end of time, where it has not."""
    later = (one["changed_at"] for one in case.steps
             if one["referral_id"] == referral_id and one["sequence"] > sequence)  # fmt: skip
    return min(later, default=datetime.max.replace(tzinfo=UTC))


def _delayed(case: Case, current: Row, excused: Mapping[Deadline, datetime], say: Saying) -> str | None:
    """That the hub answers for the deadline that is shown: it ended while the console was away, or was moved for it."""
    if current["due_at"] is None or current["waits_on"] is None:
        return None
    late_from = excused.get(Deadline(current["waits_on"], current["due_at"], current["sent_at"]))
    steps = [step for step in case.steps if step["referral_id"] == current["referral_id"]]
    is_moved = steps and messages.is_the_hubs_delay(max(steps, key=lambda step: int(step["sequence"])))
    if late_from is None and not is_moved:
        return None
    return _excused(current["waits_on"], late_from or current["due_at"], say)


def _excused(who: str, until: datetime, say: Saying) -> str:
    return say.text(EXCUSED) % {"until": say.exact(until), "who": say.organisation(who)}


def _may_know(event: Row, viewer: cases.Viewer) -> bool:
    """Whether an event is for a viewer: a note is between who wrote it, whom it is to, and those who coordinate."""
    if event["what"] != ReferralEvent.NOTE_ADDED or viewer.coordinates:
        return True
    return viewer.organisation in (event["noted_by"], *event["details"].get("addressees", ()))


def _happening(at: datetime, said: str, by: str, details: Mapping[str, Any], referral: Row, say: Saying) -> Happening:
    parties = {"sender": referral["sender"], "recipient": referral["recipient"], "by": by}
    sentence = say.text(said) % {part: say.organisation(id) for part, id in parties.items()}
    return Happening(at, sentence, [*_details(details, say)], referral["short_code"])


def _details(details: Mapping[str, Any], say: Saying) -> Iterator[tuple[str, str]]:
    for name, (label, of) in CODED.items():
        if value := details.get(name):
            several = value if isinstance(value, list) else [value]
            yield say.text(label), ", ".join(say.code(one, of) for one in several)
    for name, label in MOMENTS.items():
        if value := details.get(name):
            yield say.text(label), say.exact(datetime.fromisoformat(value))
    if "extension_reason" in details and (until := details.get("due_at")):
        yield say.text(N_("Nuevo plazo")), say.exact(datetime.fromisoformat(until))
    for name, label in ORGANISATIONS.items():
        if value := details.get(name):
            yield say.text(label), ", ".join(say.organisation(one) for one in value)
    for name, label in NUMBERS.items():
        if (value := details.get(name)) is not None:
            yield say.text(label), str(value)


def _consent(visit: Visit, viewer: cases.Viewer, case: Case, referral_id: UUID, say: Saying) -> consents.Shown | None:
    """By whose word a referral goes; None once that is forgotten with the person."""
    told = [step["details"] for step in case.steps if step["referral_id"] == referral_id]
    consent_id = next((one["consent_id"] for one in told if "consent_id" in one), None)
    override = next((one["override"] for one in told if "override" in one), None)
    if consent_id is None and override is None:
        return None
    consent = cases.consent(visit.tx, UUID(consent_id)) if consent_id else None
    return consents.shown(consent, override, say, through=viewer.coordinates)


def _request(standing: Standing) -> Mapping[str, Any]:
    """What was asked, for whoever of either party works on cases; nothing to anybody else, nor once it is deleted.

    The recipient has all that it was told in clear; of the sender's own the console knows what facts say.
    """
    if not standing.works_on_cases:
        return {}
    if standing.offer is not None:
        asked: Mapping[str, Any] = standing.offer["request"]
        return asked
    if standing.organisation.id != standing.referral["sender"]:
        return {}
    told = [one for one in standing.case.steps if one["referral_id"] == standing.referral["referral_id"]]
    first: Mapping[str, Any] = told[0]["details"] if told else {}
    return {name: first[name] for name in TOLD if name in first}


def _decide_by(case: Case, current: Row) -> datetime | None:
    """Until when it has to be decided, while what is due first is that it has come; None where that is over."""
    if current["state"] != ReferralState.SENT:
        return None
    steps = [step for step in case.steps if step["referral_id"] == current["referral_id"]]
    at = max(steps, key=lambda step: int(step["sequence"]))["details"].get("answer_by") if steps else None
    return datetime.fromisoformat(at) if at else None


def _triage(visit: Visit, viewer: cases.Viewer, current: Row, say: Saying) -> str | None:
    """Who has looked how urgent it is, and when; which organisation that was, to no party that has not met it here."""
    triage = cases.triage(visit.tx, current["need_id"])
    if triage is None:
        return None
    may_know = viewer.coordinates or triage["triaged_by"] in (current["sender"], current["recipient"])
    by = say.organisation(triage["triaged_by"]) if may_know else say.text(N_("otra organización"))
    how, at = say.code(triage["urgency"], "Urgency"), say.exact(triage["triaged_at"])
    return say.text(N_("%(how)s, según %(who)s (%(at)s)")) % {"how": how, "who": by, "at": at}


def _next_step(case: Case, referral_id: UUID, say: Saying) -> str | None:
    """What happens if nobody answers, as it was said last; None where nothing is waited for."""
    said = [
        *((step["changed_at"], step["details"]) for step in case.steps if step["referral_id"] == referral_id),
        *((event["noted_at"], event["details"]) for event in case.events
          if event["referral_id"] == referral_id and "next_step" in event["details"]),
    ]  # fmt: skip
    if not said:
        return None
    _, last = max(said, key=lambda one: one[0])
    step, at = last.get("next_step"), last.get("next_step_at")
    if step not in NEXT or at is None:
        return None
    when = say.near(datetime.fromisoformat(at))
    return say.text(N_("Si nadie responde, %(when)s: %(what)s.")) % {
        "when": when,
        "what": say.text(NEXT[step]),
    }
