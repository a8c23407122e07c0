"""What somebody may do about a referral now, by the table of transitions; and what is known to stand against it.

An obstacle is said beside what it stands against; what an organisation may never do, nobody is shown.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import contracts
from contracts.codes import ConsentGivenBy, ConsentManner, DeclineReason, ReferralEvent, ReferralState
from contracts.deadlines import EXTENDED_AT_MOST, LENGTHS
from contracts.fields import For, Model
from contracts.transitions import ENDED, NOTED_IN, Actor, acts
from contracts.words import catalogue
from hub.console import messages
from hub.console.hosting import uses_screens
from hub.console.store.cases import Case
from hub.console.web import consents
from hub.console.web.fields import Field, Kind, fields_of
from hub.console.web.words import N_
from messaging.database import Row
from messaging.topology import Organisation

KNOWN: Final = frozenset({"taken_over_from", "purged_at"})
"""What a message says, and no form asks for."""


@dataclass(frozen=True)
class Move:
    """One thing that can be done."""

    model: type[Model]
    label: str
    says: str
    """What comes of it, before it is done; `other` is the other party."""
    undoable: bool = True
    """Whether it waits a moment before it is said; what destroys something here at once does not."""
    own_fields: Sequence[Field] = ()
    """What a page of its own asks for, of which the contract's fields are made."""
    labels: Mapping[ReferralState, str] = field(default_factory=dict)
    """What it is called in states in which it is something else to people: another visit, or a changed one."""
    first_in: ReferralState | None = None
    """The state in which it is the most usual, before whatever stands above it in `MOVES`."""

    @property
    def name(self) -> str:
        """As addresses have it: `accepted` of `referral.accepted`."""
        return self.contract.removeprefix("referral.")

    @property
    def contract(self) -> str:
        """The contract's name without its version."""
        return contracts.contract_of(self.model).name

    def label_in(self, state: ReferralState) -> str:
        """What it is called about a referral in this state; to be translated."""
        return self.labels.get(state, self.label)

    @property
    def fields(self) -> Sequence[Field]:
        """What it asks for."""
        return self.own_fields or fields_of(self.model)

    @property
    def is_one_tap(self) -> bool:
        """Whether nothing is asked, and it can be undone: no page stands before it."""
        return self.undoable and not {one.name for one in self.fields} - KNOWN


WHY_REDIRECTED: Final = (
    DeclineReason.NO_CAPACITY, DeclineReason.NOT_ELIGIBLE, DeclineReason.OUTSIDE_AREA, DeclineReason.DOCUMENTS_MISSING,
    DeclineReason.NOT_APPLICABLE, DeclineReason.SAFETY,
)  # fmt: skip
"""Why an organisation does not take a person on whom another may: of the reasons to decline."""
LANGUAGES: Final = tuple(catalogue()["Language"])
LASTS: Final = (30, 90, 180, 365)
"""Days for which a consent that is taken on a page holds: one without an end nobody is asked for here."""
TO_WHOM: Final = (Field("service", Kind.REFERRAL, required=True),)
WHY: Final = (Field("reason", Kind.CHOICE, True, DeclineReason.__name__, [one.value for one in WHY_REDIRECTED]),)
CONSENTED: Final = (
    Field("given_by", Kind.CHOICE, True, ConsentGivenBy.__name__, [one.value for one in ConsentGivenBy]),
    Field("manner", Kind.CHOICE, True, ConsentManner.__name__, [one.value for one in ConsentManner]),
    Field("language", Kind.CHOICE, True, "Language", LANGUAGES),
    Field("lasts", Kind.CHOICE, True, values=[str(days) for days in LASTS]),
    Field("agreed", Kind.CHOICES, True, values=["yes"]),
)
CONSENT_GRANTED: Final = contracts.contract_of(contracts.ConsentGranted).name

ANOTHER_VISIT: Final = N_("Dar otra cita")

# The most usual first.
MOVES: Final = (
    Move(contracts.ReferralAccepted, N_("Aceptar"), N_("Ustedes atienden a la persona. %(other)s se entera.")),
    Move(contracts.ReferralReceived, N_("Ya la tenemos"), N_("%(other)s se entera de que llegó. Todavía no deciden.")),
    Move(contracts.ReferralInfoProvided, N_("Responder la pregunta"), N_("Solo %(other)s puede leer la respuesta.")),
    Move(contracts.ReferralServiceStarted, N_("Vino"), N_("La atención empezó. %(other)s se entera.")),
    Move(contracts.ReferralNoShow, N_("No vino"), N_("%(other)s se entera de que la persona no vino.")),
    Move(contracts.ReferralCompleted, N_("Terminamos"), N_("%(other)s confirma el resultado con la persona.")),
    Move(
        contracts.ReferralScheduled,
        N_("Dar una cita"),
        N_("%(other)s se entera del día y la hora."),
        labels={
            ReferralState.SCHEDULED: N_("Cambiar la cita"),
            ReferralState.NO_SHOW: ANOTHER_VISIT,
            ReferralState.VISIT_CANCELLED: ANOTHER_VISIT,
            ReferralState.IN_SERVICE: ANOTHER_VISIT,
        },
        first_in=ReferralState.ACCEPTED,
    ),
    Move(contracts.ReferralClosed, N_("Confirmar y cerrar"), N_("Este resultado es el que cuenta.")),
    Move(contracts.ReferralInfoRequested, N_("Preguntar algo"), N_("El plazo se detiene mientras %(other)s responde.")),
    Move(contracts.ReferralWaitlisted, N_("Lista de espera"), N_("%(other)s se entera del puesto en la lista.")),
    Move(contracts.ReferralDeclined, N_("No podemos"), N_("%(other)s se entera, y busca otra organización.")),
    Move(
        contracts.ReferralRedirected,
        N_("Redirigir"),
        N_("La persona va a otra organización, con un consentimiento que da ahora. %(other)s se entera."),
        own_fields=(*TO_WHOM, *WHY, *CONSENTED),
    ),
    Move(contracts.ReferralChased, N_("Anotar que pedimos respuesta"), N_("Queda en la historia del caso.")),
    Move(contracts.ReferralServiceNoted, N_("Contar cómo va"), N_("Solo %(other)s puede leerlo.")),
    Move(contracts.ReferralNoteAdded, N_("Escribir o anotar una llamada"), N_("Solo %(readers)s puede leerlo.")),
    Move(contracts.ReferralVisitCancelled, N_("La cita se canceló"), N_("La referencia sigue abierta.")),
    Move(contracts.ReferralCancelled, N_("Aceptar que se cancele"), N_("La referencia termina aquí.")),
    Move(contracts.ReferralTakenOn, N_("Encargarnos"), N_("Quienes coordinan ven que ustedes hacen que avance.")),
    Move(contracts.ReferralDeadlineExtended, N_("Dar más plazo"), N_("Las dos organizaciones se enteran.")),
    Move(contracts.ReferralReopened, N_("Abrir de nuevo"), N_("La organización que atendió sigue atendiendo.")),
    Move(
        contracts.ReferralCancelRequested,
        N_("Cancelar la referencia"),
        N_("Si %(other)s ya aceptó, tiene que estar de acuerdo."),
    ),
    Move(
        contracts.ReferralPurged,
        N_("Borrar los datos de la persona"),
        N_("Lo que tienen aquí de la persona se borra ahora mismo, y no se puede deshacer."),
        undoable=False,
    ),
    Move(contracts.ReferralEnteredInError, N_("Anular"), N_("No debió existir: no cuenta en nada, y queda escrito.")),
)
BY_NAME: Final[Mapping[str, Move]] = {one.name: one for one in MOVES}
PURGED: Final = BY_NAME["purged"]
NOTE_ADDED: Final = BY_NAME["note_added"]
REDIRECTED: Final = BY_NAME["redirected"]
NOTES: Final = (BY_NAME["service_noted"], NOTE_ADDED)
"""What may be said beside anything, and is never what comes next."""
OF_A_PERSON: Final = (contracts.ReferralNoteAdded, contracts.ReferralReopened, contracts.ReferralRedirected)
"""What nobody needs any more once the person is erased."""
BY_CONSENT: Final = (contracts.ReferralNoteAdded, contracts.ReferralReopened, contracts.ReferralInfoProvided)
"""What lets more of the person leave."""

UNDER_WAY: Final = N_("Lo anterior todavía está en camino.")
STUCK: Final = N_("Ya se hizo, y quien opera la red lo está revisando.")
NO_READER: Final = N_("Nadie de las otras organizaciones tiene llave para recibir notas.")
NO_KEY: Final = N_("%(other)s no tiene llave para recibir notas.")
TOO_OFTEN: Final = N_("Ya se dio más plazo tres veces.")
OWN_DEADLINE: Final = N_("El plazo es de ustedes: lo extiende otra organización que coordine.")
NOT_EXTENDED: Final = N_("El plazo para borrar los datos de la persona no se alarga.")
BEING_DELETED: Final = N_("Los datos de la persona se están borrando: ya no se escribe nada.")
ERASED: Final = N_("Los datos de la persona se borraron.")
WITHOUT_CONSENT: Final[Mapping[consents.Standing, str]] = {
    consents.Standing.SUSPENDED: N_(
        "Dicen que la persona retiró su consentimiento: mientras se aclara no sale nada más."
    ),
    consents.Standing.WITHDRAWN: N_("La persona retiró su consentimiento: no sale nada más."),
    consents.Standing.LAPSED: N_("El consentimiento de la persona venció: no sale nada más."),
}
NOBODY_HERE: Final = N_("Aquí no está lo que se envió de la persona: no hay qué pasar.")
OPEN_BESIDE: Final = N_("Ya hay otra abierta para la misma persona y el mismo servicio.")


@dataclass(frozen=True)
class Standing:
    """A referral, and whoever looks at it, as far as it matters for what they may do."""

    organisation: Organisation
    works_on_cases: bool
    """Whether who looks does: who only audits is shown what happened, and offered nothing."""
    coordinates: bool
    """Whether who looks acts for the hub, too: a coordinator of an organisation that may."""
    referral: Row
    case: Case
    in_charge: str | None
    """The coordinator that has taken it on."""
    is_under_way: bool
    """Whether something that the organisation has decided about it is not done yet."""
    stuck: Set[str]
    """The contracts of what it has done about it, and operators look into."""
    is_open_beside: bool
    """Whether the same sender has another open one for the same person and service."""
    has_key: Set[str]
    """The organisations that something can be sealed to."""
    consent: consents.Standing
    """Whether more may leave of the person."""
    offer: Row | None = None
    """What its organisation was asked, where that is here with the person sealed (store/passing.py)."""

    @property
    def is_erased(self) -> bool:
        """Whether its person is."""
        return self.referral["person_id"] is None

    @property
    def actors(self) -> Iterator[Actor]:
        """The parts in which it may act."""
        if self.organisation.id == self.referral["recipient"]:
            yield Actor.RECIPIENT
        if self.organisation.id == self.referral["sender"]:
            yield Actor.SENDER
        if self.coordinates:
            yield Actor.HUB

    @property
    def other(self) -> str:
        """The other party; for who coordinates, the one that is waited for."""
        sender, recipient = str(self.referral["sender"]), str(self.referral["recipient"])
        if self.organisation.id == sender:
            return recipient
        return sender if self.organisation.id == recipient else str(self.referral["waits_on"] or recipient)

    @property
    def readers(self) -> Sequence[str]:
        """The other parties, as far as something can be sealed to them."""
        parties = (str(self.referral["sender"]), str(self.referral["recipient"]))
        return [one for one in parties if one != self.organisation.id and one in self.has_key]

    @property
    def owe_purge(self) -> Sequence[str]:
        """The organisations that were asked to delete what they hold, and have not said that they have."""
        of_purges = (ReferralEvent.PURGE_OWED, ReferralEvent.PURGED)
        said = [
            one for one in self.case.events
            if one["referral_id"] == self.referral["referral_id"] and one["what"] in of_purges
        ]  # fmt: skip
        return said[-1]["details"].get("awaited", ()) if said else ()


@dataclass(frozen=True)
class Offered:
    """A move that is shown, and what stands against it; empty: nothing."""

    move: Move
    obstacle: str = ""


def offered(standing: Standing, only: Collection[str] | None = None) -> Sequence[Offered]:
    """What is shown of all that can be done, the most usual first; or of some moves alone, by their names."""
    if not (standing.works_on_cases and uses_screens(standing.organisation)):
        return ()
    allowed = _allowed(standing.referral["state"], [*standing.actors])
    if standing.organisation.id in standing.owe_purge:
        allowed.add(PURGED.contract)
    if standing.in_charge == standing.organisation.id:
        allowed.discard("referral.taken_on")
    if not standing.organisation.sends(CONSENT_GRANTED):
        allowed.discard(REDIRECTED.contract)
    state = standing.referral["state"]
    return [
        Offered(move, obstacle(move, standing))
        for move in sorted(MOVES, key=lambda one: one.first_in != state)
        if move.contract in allowed
        and standing.organisation.sends(move.contract)
        and (only is None or move.name in only)
    ]


def _allowed(state: str, actors: Collection[Actor]) -> set[str]:
    """What the table allows in a state, by the contracts' names, and that whoever has a part may write."""
    allowed: set[str] = set()
    for actor in actors:
        allowed |= acts(ReferralState(state), actor)
    return allowed | {NOTE_ADDED.contract} if actors and state in NOTED_IN else allowed


def comes_next(names: Sequence[str], organisation: Organisation, state: str, actors: Collection[Actor]) -> Move | None:
    """The first of some moves that the table allows; whatever else may stand against it, the move's own page says."""
    allowed = _allowed(state, actors) | {PURGED.contract}  # of what is owed, which no table has
    found = (BY_NAME[name] for name in names)
    return next((one for one in found if one.contract in allowed and organisation.sends(one.contract)), None)


def obstacle(move: Move, standing: Standing) -> str:
    """What stands against a move that the table allows, as far as it is known here; empty: nothing."""
    if standing.is_under_way:
        return UNDER_WAY
    if any(one.rpartition(".v")[0] == move.contract for one in standing.stuck):
        return STUCK
    if any(one.kind is Kind.NOTE and one.required and reader(one, standing) is None for one in move.fields):
        return NO_KEY
    if move.model in OF_A_PERSON and standing.is_erased:
        return ERASED
    if move.model is contracts.ReferralNoteAdded and standing.owe_purge:
        return BEING_DELETED
    if move.model in BY_CONSENT and standing.consent in WITHOUT_CONSENT:
        return WITHOUT_CONSENT[standing.consent]
    match move.model:
        case contracts.ReferralNoteAdded if not standing.readers:
            return NO_READER
        case contracts.ReferralRedirected if standing.offer is None:
            return NOBODY_HERE
        case contracts.ReferralReopened if standing.is_open_beside:
            return OPEN_BESIDE
        case contracts.ReferralDeadlineExtended if standing.owe_purge:
            return NOT_EXTENDED
        case contracts.ReferralDeadlineExtended if standing.referral["waits_on"] == standing.organisation.id:
            return OWN_DEADLINE
        case contracts.ReferralDeadlineExtended if extended(standing) >= EXTENDED_AT_MOST:
            return TOO_OFTEN
        case _:
            return ""


def extended(standing: Standing) -> int:
    """How often coordinators have extended the referral's deadlines since it was opened; the hub does for its own."""
    id = standing.referral["referral_id"]
    since = opened_after(standing.case, id)
    steps = [one for one in standing.case.steps if one["referral_id"] == id]
    return sum(
        "extension_reason" in one["details"] and not messages.is_the_hubs_delay(one)
        for one in steps
        if since is None or one["changed_at"] > since
    )


def opened_after(case: Case, referral_id: UUID) -> datetime | None:
    """When a referral last ended, of one that was opened again: what counts began anew. None where it never ended."""
    ends = [one["changed_at"] for one in case.steps if one["referral_id"] == referral_id and one["state"] in ENDED]
    return max(ends, default=None)


def extension(standing: Standing, now: datetime) -> tuple[datetime, datetime]:
    """After when, and until when at the latest, a new deadline may end."""
    due_at: datetime = max(standing.referral["due_at"] or now, now)
    return due_at, due_at + LENGTHS[standing.referral["state"]][standing.referral["urgency"]]


def reader(field: Field, standing: Standing) -> str | None:
    """Whom a note is for; None where nothing can be sealed to them."""
    whom = standing.referral["sender" if field.whom is For.SENDER else "recipient"]
    return str(whom) if whom in standing.has_key else None


def find(name: str, standing: Standing) -> Offered | None:
    """What is offered of this name; None where it is not."""
    return next((one for one in offered(standing) if one.move.name == name), None)


def asked(move: Move, standing: Standing) -> Sequence[Field]:
    """What a form asks for: no note to who cannot read it, and nothing that is known."""
    return [
        one
        for one in move.fields
        if one.name not in KNOWN and not (one.kind is Kind.NOTE and reader(one, standing) is None)
    ]


def known(move: Move, standing: Standing, now: str) -> Mapping[str, str]:
    """What a message says besides what its form asks for."""
    if move.model is contracts.ReferralTakenOn and standing.in_charge is not None:
        return {"taken_over_from": standing.in_charge}
    return {"purged_at": now} if move is PURGED else {}
