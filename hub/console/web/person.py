"""Who a case is about: what their organisation was sent sealed, opened for whoever asks for it on the case's page.

Custody records that it was opened, and opens; what it answers stands on that one page and nowhere else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from contracts.codes import ContactChannel
from contracts.places import places
from hub.console.custody.client import CustodyError, Opened
from hub.console.store import sent
from hub.console.store.cases import Case, Viewer
from hub.console.web import asking, showing
from hub.console.web.permissions import OF_CASES
from hub.console.web.reaching import safe_at
from hub.console.web.saying import Saying
from hub.console.web.settings import Settings
from hub.console.web.visit import Visit
from hub.console.web.words import N_
from messaging.database import Row

PURPOSE: Final = "case"  # as custody records what it is asked for
LAST_DIGITS: Final = 4
AWAY: Final = N_("Ahora no se puede abrir. No se vio nada: espere un minuto e intente de nuevo.")
CLOSED: Final = N_(
    "Algo de lo sellado no se puede abrir aquí. Avise a soporte con el código del caso y con este: %(code)s."
)
NAME_ALONE: Final = N_("Para coordinar se ve solo el nombre, mientras la persona lo permita.")
# By which it is safe to write to the telephone, and not to call it.
WRITTEN: Final = frozenset({ContactChannel.SMS.value, ContactChannel.WHATSAPP.value})


@dataclass(frozen=True)
class Telephone:
    """A telephone, as far as it may be shown now."""

    label: str
    shown: str
    """The number, or how it ends where it is not to be used now."""
    link: str
    """For whoever may call: `tel:…`."""
    advice: str
    until: datetime | None = None
    """Until when all of it may be shown; None where that does not end."""


@dataclass(frozen=True)
class Note:
    """Words of another organisation."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True)
class Shown:
    """What the page shows of the person."""

    has_person: bool
    """Whether there is more than notes."""
    is_name_alone: bool = False
    """Whether that is what they are called, and nothing more."""
    is_open: bool = False
    problem: str = ""
    name: str = ""
    telephones: Sequence[Telephone] = ()
    facts: Sequence[tuple[str, str]] = ()
    words: str = ""
    """What stands with the person, in whole sentences."""
    notes: Sequence[Note] = ()

    @property
    def until(self) -> datetime | None:
        """Until when it may stand on a screen; None where no safe time ends."""
        return min((one.until for one in self.telephones if one.until is not None), default=None)


def shown(visit: Visit, settings: Settings, say: Saying, viewer: Viewer, case: Case, *, opens: bool) -> Shown | None:
    """What an organisation was sent sealed of a case's person; None where there is nothing, or not for who looks."""
    if not (visit.finds_people and visit.may(*OF_CASES)):
        return None
    blocks = sent.blocks(visit.tx, viewer, [row["referral_id"] for row in case.referrals])
    people = {row["person_id"] for row in case.referrals if row["person_id"]}
    person = next((one for one in [*blocks, *sent.names(visit.tx, viewer, people)] if one["kind"] != "note"), None)
    if not blocks and person is None:
        return None
    closed = Shown(person is not None, person is not None and person["kind"] == "name")
    if not opens:
        return closed
    wanted = [*([person] if person else []), *(one for one in blocks if one["kind"] == "note")]
    try:
        opened = asking.open_blocks(visit, settings, PURPOSE, [one["id"] for one in wanted])
    except CustodyError:
        return Shown(closed.has_person, closed.is_name_alone, problem=say.text(AWAY))
    return _opened(say, person, wanted, opened)


def _opened(say: Saying, person: Row | None, wanted: Sequence[Row], opened: Mapping[UUID, Opened]) -> Shown:
    problem = next((say.text(CLOSED) % {"code": one.code} for one in opened.values() if one.code), "")
    notes = [
        Note(row["said_at"], say.organisation(row["written_by"] or ""), opened[row["id"]].content.get("text", ""))
        for row in wanted
        if row["kind"] == "note" and not opened[row["id"]].code
    ]
    notes.sort(key=lambda note: note.at)
    if person is None or opened[person["id"]].code:
        is_name = person is not None and person["kind"] == "name"
        return Shown(person is not None, is_name, is_open=bool(notes), problem=problem, notes=notes)
    said, contact = opened[person["id"]].content, person.get("contact") or {}
    return Shown(
        has_person=True,
        is_open=True,
        problem=problem,
        name=showing.name_of(said),
        telephones=[*_telephones(say, said, contact)],
        facts=[(say.text(label), value) for label, value in _facts(say, said, contact)],
        words=say.text(NAME_ALONE) if person["kind"] == "name" else said.get("notes", ""),
        notes=notes,
    )


def _facts(say: Saying, said: Mapping[str, Any], contact: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is told with a label each, in the order in which a call needs it."""
    channel = contact.get("channel") or said.get("contact_channel")
    if channel:
        yield N_("Cómo contactar"), say.code(channel, "ContactChannel")
    for one in contact.get("safe_times") or ():
        yield N_("Momento seguro"), say.safe_time(one)
    if language := contact.get("language") or said.get("language"):
        yield N_("Idioma"), say.code(language, "Language")
    if contact.get("interpreter"):
        yield N_("Intérprete"), say.text(N_("Necesita intérprete"))
    if caregiver := said.get("caregiver"):
        yield N_("Responde por la persona"), f"{caregiver['name']} ({say.code(caregiver['relation'], 'Relation')})"
    for one in said.get("documents") or ():
        yield N_("Documento"), " ".join([say.code(one["type"], "DocumentType"), one.get("number", "")]).strip()
    if born := said.get("birth_date"):
        yield N_("Fecha de nacimiento"), say.in_full(date.fromisoformat(born))
    if said.get("age") is not None:
        yield N_("Edad"), str(said["age"])
    for name, label, codes in (
        ("sex", N_("Sexo"), "Sex"), ("gender", N_("Género"), "Gender"), ("profile", N_("Perfil"), "Profile"),
    ):  # fmt: skip
        if said.get(name):
            yield label, say.code(said[name], codes)
    if said.get("nationality"):
        yield N_("Nacionalidad"), say.country(said["nationality"])
    for name, label in (
        ("email", N_("Correo electrónico")), ("address", N_("Dirección")),
    ):  # fmt: skip
        if said.get(name):
            yield label, said[name]
    if zone := said.get("place"):
        yield N_("Municipio"), places().get(zone, ("", zone))[1]


def _telephones(say: Saying, said: Mapping[str, Any], contact: Mapping[str, Any]) -> Iterator[Telephone]:
    """The person's own, and that of who answers for them: which is used where they say so, or have no other."""
    channel = contact.get("channel") or said.get("contact_channel") or ""
    times, caregiver = contact.get("safe_times") or (), said.get("caregiver") or {}
    own, theirs = said.get("phone"), caregiver.get("phone")
    if own:
        yield _telephone(say, N_("Teléfono"), own, channel, times, ContactChannel.PHONE)
    if theirs:
        label = N_("Teléfono de quien responde")
        if own and channel in (ContactChannel.PHONE, *WRITTEN):
            advice = say.text(N_("No use este número: lo seguro es el de la persona."))
            yield Telephone(say.text(label), _end_of(say, theirs), "", advice)
        else:
            through = channel == ContactChannel.THROUGH_CAREGIVER
            called_by = ContactChannel.THROUGH_CAREGIVER if through else ContactChannel.PHONE
            yield _telephone(say, label, theirs, channel, times, called_by)


def _telephone(
    say: Saying, label: str, number: str, channel: str, times: Sequence[Mapping[str, Any]], called_by: ContactChannel
) -> Telephone:
    """A number: to be called where that is the safe way to reach the person, and now is a safe time for it."""
    calls = channel == called_by
    if not calls and channel not in WRITTEN:
        advice = say.text(N_("No llame a este número: lo seguro es %(channel)s.")) % {
            "channel": say.code(channel, "ContactChannel")
        }
        return Telephone(say.text(label), _end_of(say, number), "", advice)
    safe = safe_at(say.now, times)
    if not safe.now:
        advice = say.text(N_("No llame ni escriba ahora: no es seguro."))
        if safe.next is not None:
            advice = say.text(N_("No llame ni escriba ahora. Es seguro desde: %(when)s.")) % {
                "when": f"{say.day(safe.next)}, {say.hour(safe.next)}"
            }
        return Telephone(say.text(label), _end_of(say, number), "", advice)
    until = "" if safe.until is None else say.text(N_("Es seguro hasta las %(time)s.")) % {"time": say.hour(safe.until)}
    if calls:
        return Telephone(say.text(label), number, f"tel:{number}", until, safe.until)
    written = say.text(N_("No llame: escriba por %(channel)s.")) % {"channel": say.code(channel, "ContactChannel")}
    return Telephone(say.text(label), number, "", f"{written} {until}".strip(), safe.until)


def _end_of(say: Saying, number: str) -> str:
    """How a number ends that is not to be used: enough to compare it with one that calls."""
    return say.text(N_("termina en %(digits)s")) % {"digits": number[-LAST_DIGITS:]}
