"""How the sample comes to be: everything that anybody says in it, in rounds.

What is said in a round rests on what was said in those before it. Ids come from names, so that a case has the same code
in every sample.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

from demo.people import BARRANQUILLA
from demo.sample.cast import CENTRE, HOSTED, SERVICES
from demo.sample.people import Person
from messaging.believing import COLOMBIA

Data = Mapping[str, Any]


def id_of(name: str) -> UUID:
    """The id of what the sample calls so."""
    return uuid5(NAMESPACE_OID, f"ruta sample {name}")


@dataclass(frozen=True)
class Line:
    """What somebody says: all but when."""

    name: str
    by: str
    type: str
    data: Callable[[datetime], Data]
    """What it says at a moment."""
    sealed_to: str | None = None
    clear: Data | None = None
    """What goes into the sealed block, for `sealed_to` alone."""

    @property
    def message_id(self) -> UUID:
        return id_of(self.name)


@dataclass(frozen=True)
class Case:
    """A referral, and how it goes."""

    ends: str
    sender: str
    service: str
    """Of whom, and its short name."""
    ways: str
    """Who says what, in order, as demo/stories.py writes it: S the sender, R the recipient, C a coordinator, P
    the person, by the sender."""
    urgency: str = "normal"
    answer_within: timedelta | None = None
    """What is asked for within hours is asked for today."""
    day: int = 1
    """Of its visit: 0 is today."""
    is_child: bool = False
    is_named: bool = False
    """Whether the person allows the centre to know what they are called, so as to coordinate."""

    @property
    def recipient(self) -> str:
        return self.service.split(".")[0]


TAKEN: Final = "R received | R accepted"
VISIT: Final = f"{TAKEN} | R scheduled"
MISSED: Final = f"{TAKEN} | R scheduled_now"
SERVED: Final = f"{VISIT} | R service_started"
DONE: Final = f"{SERVED} | R completed"
MINUTES, HOURS = timedelta(minutes=1), timedelta(hours=1)
AT_ONCE: Final = timedelta(seconds=12)
"""Within so long nobody answers: such a referral comes to its end while the sample is made."""

CASES: Final = (
    # What waits for Casa Puente, whose staff have the console alone.
    Case("received", "redcross", "casapuente.albergue", "", "urgent", is_named=True),
    Case("received", "iom", "casapuente.mercado", ""),
    Case("received", "barranquilla", "casapuente.apoyo", "", "emergency"),
    Case("received", "fuvadis", "casapuente.mercado", "", answer_within=2 * HOURS),
    Case("received", "redcross", "casapuente.apoyo", "R received", answer_within=5 * HOURS),
    Case("received", "americares", "casapuente.albergue", "R received", "urgent"),
    Case("accepted", "iom", "casapuente.albergue", TAKEN),
    Case("waitlisted", "americares", "casapuente.albergue", "R received | R waitlisted"),
    Case("waitlisted", "redcross", "casapuente.albergue", "R received | R waitlisted"),
    Case("scheduled", "redcross", "casapuente.apoyo", VISIT, day=0),
    Case("scheduled", "iom", "casapuente.mercado", VISIT, day=0),
    Case("scheduled", "fuvadis", "casapuente.apoyo", VISIT),
    Case("scheduled", "barranquilla", "casapuente.mercado", VISIT),
    Case("no_show", "iom", "casapuente.apoyo", f"{MISSED} | R no_show"),
    Case("visit_cancelled", "redcross", "casapuente.apoyo", f"{VISIT} | R visit_cancelled"),
    Case("in_service", "fuvadis", "casapuente.albergue", f"{SERVED} | R service_noted"),
    Case("completed", "redcross", "casapuente.mercado", DONE),
    Case("cancel_requested", "redcross", "casapuente.albergue", f"{TAKEN} | S cancel_requested"),
    Case("declined", "barranquilla", "casapuente.albergue", "R received | R declined"),
    Case("info_requested", "redcross", "casapuente.albergue", "R received | R info_requested"),
    Case("info_requested", "casapuente", "iom.papeles", "R received | R info_requested", is_named=True),
    Case("received", "casapuente", "redcross.salud", "R received | R info_requested | S info_provided"),
    Case("completed", "casapuente", "redcross.salud", DONE),
    Case("closed", "casapuente", "americares.medicinas", f"{DONE} | S closed"),
    Case("consent_withdrawn", "barranquilla", "casapuente.apoyo", f"{TAKEN} | P consent_withdrawn"),
    # What waits for the centre, and what it follows.
    Case("received", "fuvadis", "barranquilla.juridica", "", "urgent"),
    Case("received", "iom", "barranquilla.convivencia", ""),
    Case("received", "redcross", "barranquilla.juridica", "R received", answer_within=4 * HOURS),
    Case("scheduled", "americares", "barranquilla.juridica", VISIT, day=0),
    Case("scheduled", "fuvadis", "barranquilla.juridica", VISIT),
    Case("info_requested", "barranquilla", "americares.materna", "R received | R info_requested"),
    Case("completed", "barranquilla", "iom.papeles", DONE),
    Case("accepted", "barranquilla", "fuvadis.higiene", TAKEN),
    Case("waitlisted", "barranquilla", "fuvadis.escuela", "R received | R waitlisted", is_child=True),
    Case("received", "barranquilla", "redcross.vacunas", "R received", is_child=True),
    Case("in_service", "barranquilla", "redcross.salud", f"{SERVED} | R service_noted | R service_noted"),
    Case("in_service", "barranquilla", "iom.arriendo", f"{DONE} | S closed | C reopened"),
    Case("no_show", "barranquilla", "fuvadis.higiene", f"{MISSED} | R no_show"),
    Case("cancel_requested", "barranquilla", "iom.papeles", f"{VISIT} | S cancel_requested"),
    Case("cancelled", "barranquilla", "redcross.salud", "R received | S cancel_requested"),
    Case("redirected", "barranquilla", "redcross.salud", "R received | R redirected > americares.medicinas"),
    Case("closed", "barranquilla", "redcross.salud", f"{DONE} | S closed"),
    Case("entered_in_error", "barranquilla", "fuvadis.higiene", "S entered_in_error"),
    # Between organisations with systems of their own.
    Case("sent", "americares", "iom.arriendo", "C chased | C taken_on", "urgent", is_named=True),
    Case("declined", "fuvadis", "redcross.salud", "R received | R declined", is_named=True),
    Case("visit_cancelled", "iom", "redcross.salud", f"{VISIT} | R visit_cancelled | P name_withdrawn", is_named=True),
    Case("cancelled", "iom", "fuvadis.higiene", f"{TAKEN} | S cancel_requested | R cancelled"),
    Case("consent_withdrawn", "redcross", "iom.papeles", f"{VISIT} | P consent_withdrawn"),
    Case("entered_in_error", "americares", "redcross.vacunas", "R received | S entered_in_error"),
    Case("redirected", "iom", "fuvadis.higiene", "R received | R redirected > casapuente.mercado"),
    # Whom nobody answers: the first two have ended by when the sample is ready, of the others somebody is called in.
    Case("expired", "redcross", "iom.arriendo", "", answer_within=AT_ONCE),
    Case("expired", "barranquilla", "americares.materna", "", answer_within=AT_ONCE),
    Case("sent", "redcross", "fuvadis.escuela", "", answer_within=8 * MINUTES),
    Case("sent", "barranquilla", "americares.medicinas", "", answer_within=40 * MINUTES),
    Case("sent", "iom", "redcross.vacunas", "", answer_within=2 * HOURS, is_named=True),
)

HOUSEHOLDS: Final = (("barranquilla", 3), ("redcross", 2))
"""Who has registered one, and how many children are in it."""
CAREGIVER: Final = 1000  # a child's caregiver has its number and this one

QUESTIONS: Final = ("¿Qué documento tiene hoy? En el registro no se lee bien.", "¿En qué semana de embarazo está?")
TOLD: Final = "Preguntar en la entrada por Recepción y traer el documento, si lo tiene. (Caso inventado.)"
ANSWERED: Final = "Tiene el comprobante del permiso por protección temporal; el físico todavía no. (Caso inventado.)"
NOTED: Final = ("Primera atención hecha; sigue la próxima semana.", "Segunda atención hecha; va bien.")


def rounds() -> Sequence[Sequence[Line]]:
    """Everything that is said, in the rounds in which it is said."""
    cases = [opening(number, case) for number, case in enumerate(CASES)]
    registered = [line for lines, _, _ in cases for line in lines]
    families = [line for number, (by, children) in enumerate(HOUSEHOLDS) for line in _family(number, by, children)]
    allowed = [line for _, lines, _ in cases for line in lines]
    asked = [line for _, _, lines in cases for line in lines]
    steps = [list(_steps(number, case)) for number, case in enumerate(CASES)]
    later = [[lines[i] for lines in steps if i < len(lines)] for i in range(max(map(len, steps)))]
    first = [*offers(), *registered, *(line for line in families if line.type != "household.recorded.v1")]
    second = [*allowed, *(line for line in families if line.type == "household.recorded.v1")]
    return [first, second, asked, *later]


def offers() -> Sequence[Line]:
    """What everybody says of their services."""
    return [line for name, offered in SERVICES.items() for line in _offer(name, offered)]


def opening(number: int, case: Case) -> Sequence[Sequence[Line]]:
    """What is said until a referral is sent, in three rounds; `number` is that of the person, of no other referral."""
    named = [_named(number, case)] if case.is_named else []
    return [list(_registration(number, case)), list(_before(number, case)), [*named, _request(number, case)]]


def said_ids() -> frozenset[UUID]:
    """The ids of all that the sample says by itself: what follows from it, nobody is to answer."""
    return frozenset(line.message_id for lines in rounds() for line in lines)


# -- before a referral ------------------------------------------------------------------------------------------------


def _offer(name: str, offered: Any) -> Iterator[Line]:
    by, service_id = name.split(".")[0], id_of(f"service {name}")
    published = {
        "service_id": service_id,
        "name": offered.name,
        "need_codes": offered.needs,
        "active": True,
        "zones": (BARRANQUILLA,),
        "languages": ("es",),
    }
    yield Line(f"service {name} published", by, "service.published.v2", lambda _: published)
    stated = {"service_id": service_id, "state": offered.capacity}
    if offered.waiting is not None:
        stated |= {"waiting": offered.waiting, "estimate_days": 12}
    yield Line(
        f"capacity {name} stated",
        by,
        "capacity.stated.v1",
        lambda now: {**stated, "stated_at": now, "valid_until": now + timedelta(days=30)},
    )


def _registered(name: str, by: str, person: Person, caregiver: Person | None = None) -> Line:
    """A registration, some days ago."""
    when = timedelta(days=person.registered_days_ago)
    return Line(
        f"person {name} registered",
        by,
        "person.registered.v1",
        lambda now: {"person_id": id_of(f"person {name}"), "registered_at": now - when},
        "hub",
        person.block(_today(), caregiver),
    )


def _people(number: int, case: Case) -> tuple[Person, Person | None]:
    """Who a case is for, and who answers for them."""
    person = Person(number, case.is_child, expects_child=_need(case) == "health.maternal")
    return person, Person(number + CAREGIVER) if case.is_child else None


def _registration(number: int, case: Case) -> Iterator[Line]:
    person, caregiver = _people(number, case)
    yield _registered(str(number), case.sender, person, caregiver)


def _family(number: int, by: str, children: int) -> Iterator[Line]:
    """A household: who heads it, and their children."""
    head = Person(100 + 10 * number)
    members: list[tuple[str, Person, Person | None, str]] = [(f"family {number}", head, None, "head")]
    members += [
        (f"family {number} {i}", Person(head.number + 1 + i, is_child=True), head, "child") for i in range(children)
    ]
    for name, person, caregiver, _ in members:
        yield _registered(name, by, person, caregiver)
    yield Line(
        f"household {number} recorded",
        by,
        "household.recorded.v1",
        lambda now: {
            "household_id": id_of(f"household {number}"),
            "recorded_at": now,
            "members": [{"person_id": id_of(f"person {name}"), "role": role} for name, _, _, role in members],
        },
    )


def _before(number: int, case: Case) -> Iterator[Line]:
    """The need, and the consent to refer it; for who is redirected, another, to whoever passes them on."""
    need = {
        "need_id": id_of(f"need {number}"),
        "person_id": id_of(f"person {number}"),
        "need_code": _need(case),
        "urgency": case.urgency,
        "zone": BARRANQUILLA,
    }
    yield Line(
        f"need {number} identified",
        case.sender,
        "need.identified.v1",
        lambda now: {**need, "identified_at": now - timedelta(days=1)},
    )
    yield _consent(f"consent {number}", case.sender, number, case, case.recipient)
    if case.is_named:
        to_coordinate = {"purposes": ("coordinate",), "field_groups": ("identity",)}
        yield _consent(f"consent {number} to coordinate", case.sender, number, case, CENTRE, **to_coordinate)
    if (onward := _onward(case)) is not None:
        yield _consent(f"consent {number} onward", case.recipient, number, case, onward.split(".")[0])


def _consent(name: str, by: str, number: int, case: Case, recipient: str, **others: Any) -> Line:
    terms = {
        "consent_id": id_of(name),
        "person_id": id_of(f"person {number}"),
        "purposes": ("refer", "serve", "follow_up"),
        "recipients": (recipient,),
        "field_groups": ("identity", "documents", "contact", "place", "profile", "needs"),
        "given_by": "caregiver" if case.is_child else "person",
        "manner": "signed",
        "language": "es",
        **others,
    }
    return Line(
        f"{name} granted",
        by,
        "consent.granted.v1",
        lambda now: {**terms, "valid_from": now - timedelta(days=1), "valid_until": now + timedelta(days=365)},
    )


def _named(number: int, case: Case) -> Line:
    """What the person is called, for the centre, which reads no more of them."""
    said = {
        "person_id": id_of(f"person {number}"),
        "consent_id": id_of(f"consent {number} to coordinate"),
        "recipient": CENTRE,
    }
    person, _ = _people(number, case)
    name = {"given_names": person.given_names, "family_names": person.family_names}
    return Line(f"person {number} named", case.sender, "person.named.v1", lambda _: said, CENTRE, name)


def _request(number: int, case: Case) -> Line:
    asked: dict[str, Any] = {
        "referral_id": id_of(f"referral {number}"),
        "recipient": case.recipient,
        "service_id": id_of(f"service {case.service}"),
        "urgency": case.urgency,
        "person_id": id_of(f"person {number}"),
        "need_id": id_of(f"need {number}"),
        "need_code": _need(case),
        "reason_code": "service_not_offered",
        "shares": ("identity", "documents", "contact", "place", "profile"),
        "consent_id": id_of(f"consent {number}"),
        "contact": {"channel": "through_caregiver" if case.is_child else "whatsapp", "language": "es"},
    }
    if case.is_child:
        asked["minor"] = {"caregiver_is_sealed": True, "unaccompanied": False, "best_interest_assessed": True}

    def data(now: datetime) -> Data:
        return asked if case.answer_within is None else {**asked, "answer_by": _answer_by(case.answer_within, now)}

    person, caregiver = _people(number, case)
    block = person.block(_today(), caregiver)
    return Line(f"referral {number} requested", case.sender, "referral.requested.v2", data, case.recipient, block)


# -- after it ---------------------------------------------------------------------------------------------------------


def _steps(number: int, case: Case) -> Iterator[Line]:
    """What is said of a referral once it is sent."""
    speakers = {"S": case.sender, "R": case.recipient, "C": CENTRE, "P": case.sender}
    noted = 0
    for i, way in enumerate(filter(None, case.ways.split(" | "))):
        who, verb, *onward = way.split()
        by = speakers[who]
        if verb == "received" and by in HOSTED:
            continue  # the console says it by itself, once custody can open what came
        more, note, to = _said(number, case, verb), None, case.sender if who == "R" else case.recipient
        kind = "consent.withdrawn.v1" if verb in WITHDRAWN else f"referral.{verb.removesuffix('_now')}.v1"
        match verb:
            case "info_requested":
                note = {"text": QUESTIONS[case.service == "americares.materna"]}
            case "info_provided":
                note = {"text": ANSWERED}
            case "scheduled" | "scheduled_now":
                note = {"text": TOLD}
            case "service_noted":
                note, noted = {"text": NOTED[noted]}, noted + 1
            case "redirected":
                person, caregiver = _people(number, case)
                note, to = person.block(_today(), caregiver), onward[-1].split(".")[0]
        yield Line(f"referral {number} {i} {verb}", by, kind, more, to if note else None, note)


def _said(number: int, case: Case, verb: str) -> Callable[[datetime], Data]:
    """What a step says, beside what is sealed."""
    of_it: dict[str, Any] = {"referral_id": id_of(f"referral {number}")}
    match verb:
        case "consent_withdrawn" | "name_withdrawn":
            consent = id_of(f"consent {number}{WITHDRAWN[verb]}")
            taken = {"consent_id": consent, "withdrawn_by": "person", "manner": "signed"}
            return lambda now: {**taken, "withdrawn_at": now}
        case "scheduled":
            return lambda now: {**of_it, "visit_at": visit_at(case.day, number, now), "mode": "at_provider"}
        case "scheduled_now":  # a visit at once, to which nobody comes
            return lambda now: {**of_it, "visit_at": now, "mode": "by_phone"}
        case "chased":
            asked = {"organisation": case.recipient, "means": "telephone", "result": "will_answer"}
            return lambda now: {**of_it, **asked, "chased_at": now}
        case "redirected":
            onward = _onward(case)
            assert onward is not None
            of_it |= {
                "new_referral_id": id_of(f"referral {number} onward"),
                "recipient": onward.split(".")[0],
                "service_id": id_of(f"service {onward}"),
                "consent_id": id_of(f"consent {number} onward"),
            }
        case _:
            of_it |= SAYS.get(verb, {})
    if verb == "waitlisted":
        of_it["place_in_line"] = 1 + number % 4
    if verb == "info_requested":
        of_it["topic"] = "health" if case.service == "americares.materna" else "documents"
    return lambda _: of_it


WITHDRAWN: Final = {"consent_withdrawn": "", "name_withdrawn": " to coordinate"}
"""The ends of what the consents are called that steps take back."""
SAYS: Final[Mapping[str, Data]] = {
    "declined": {"reason": "no_capacity"},
    "waitlisted": {"estimate_days": 12},
    "visit_cancelled": {"cancelled_by": "person"},
    "completed": {"outcome": "need_met"},
    "closed": {"outcome": "need_met"},
    "reopened": {"reason": "need_returned"},
    "cancel_requested": {"reason": "person_moved_away"},
    "entered_in_error": {"reason": "wrong_service"},
}
"""What a step says beside which referral it is of."""


def visit_at(day: int, nth: int, now: datetime) -> datetime:
    """A visit today or on a later day: within hours of work where that is possible, and today not before now."""
    here = now.astimezone(COLOMBIA)
    begins = here.replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=day)
    planned = begins + nth % 18 * timedelta(minutes=30)
    if day == 0:
        soonest = here.replace(second=0, microsecond=0) + timedelta(minutes=15 + 15 * (nth % 4))
        latest = max(here, begins.replace(hour=23, minute=59))
        planned = min(max(planned, soonest), latest)
    return planned.astimezone(UTC)


def _answer_by(within: timedelta, now: datetime) -> datetime:
    """So long from now; of hours, as many as the day has left, or one where it ends before."""
    midnight = now.astimezone(COLOMBIA).replace(hour=23, minute=59, second=0, microsecond=0)
    return now + min(within, max(midnight.astimezone(UTC) - now, HOURS))


def _need(case: Case) -> str:
    return SERVICES[case.service].needs[0]


def _onward(case: Case) -> str | None:
    """The service to which a case is redirected."""
    *_, onward = case.ways.split(" > ")
    return onward if " > " in case.ways else None


def _today() -> Any:
    return datetime.now(COLOMBIA).date()
