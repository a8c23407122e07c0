"""Attendance: who was at a jornada, what happened for them there, and what a correction changes of that."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NoReturn
from uuid import UUID, uuid5

from messaging.answers import Refused
from services.events.rules.jornadas import CANCELLED, REPORTED, Jornada

PRESENT_WITHIN: Final = timedelta(hours=12)
"""How long before a jornada starts or after it ends somebody may have been there: lists often have only the day."""

PURPOSE: Final = "refer"  # what a consent has to allow for a referral

REFERRED_IN_ERROR: Final[Mapping[str, str]] = {
    "wrong_person": "wrong_person",
    "not_present": "wrong_person",  # whoever it was that was referred from there, it was not this person
    "training_or_test": "training_or_test",
}
"""Why an attendance is struck out, and why the referrals from there should never have been; else they stay."""

Service = tuple[str, str]  # the need that it met, and who delivered it


@dataclass(frozen=True, slots=True)
class Referral:
    """A need that is referred from there."""

    referral_id: UUID
    recipient: str
    consent_id: UUID | None = None  # None: the consent taken there


@dataclass(frozen=True, slots=True)
class Said:
    """What an organisation says of one attendance, in ids, codes and times."""

    attendance_id: UUID
    jornada_id: UUID
    organiser: str
    person_id: UUID
    present_at: datetime
    said_at: datetime  # when these words about the person were written down: of a correction, when that was made
    with_details: bool  # whether a sealed block about the person came along
    consent_id: UUID | None
    services: Set[Service]
    need_ids: Set[UUID]
    steps: Set[str]
    referrals: Set[Referral] = frozenset()
    consented_purposes: Set[str] = frozenset()  # of the consent that came along
    consented_recipients: Set[str] = frozenset()
    details_digest: str | None = None  # of the sealed block, by the sender's key; None: not comparable


@dataclass(frozen=True, slots=True)
class Delivery:
    """A service that was delivered at the jornada."""

    delivery_id: UUID
    need_code: str
    delivered_by: str


@dataclass(frozen=True, slots=True)
class Attendance:
    """An attendance as it stands."""

    attendance_id: UUID
    jornada_id: UUID
    person_id: UUID
    recorded_by: str
    present: bool
    present_at: datetime
    sequence: int  # of its last change
    late: bool  # whether its last change came after the jornada was reported
    deliveries: tuple[Delivery, ...]
    consent_id: UUID | None
    need_ids: Set[UUID]
    steps: Mapping[str, int]  # of the Statute, each with the change of the attendance that said it
    referral_ids: Set[UUID] = frozenset()
    corrected_at: datetime | None = None  # by the clock of whoever corrected it
    registered_at: datetime | None = None  # of the last details of the person that were passed on
    strike_reason: str | None = None
    erased: bool = False  # the person has been erased: only the presence is left
    details_digest: str | None = None  # of the details that came last, by the recorder's key


@dataclass(frozen=True, slots=True)
class Person:
    """What is known here of somebody: where they count as present, and how new their details are."""

    jornadas: Set[UUID] = frozenset()
    known: bool = False  # an attendance of theirs has been recorded before, if only to be struck out
    registered_at: datetime | None = None
    registered_by: str | None = None  # who recorded the attendance that those details came with
    details_digest: str | None = None  # of those details, by that recorder's key
    erased: bool = False


class Outcome(StrEnum):
    """What became of what was said."""

    ACCEPTED = "accepted"
    MATCHED = "matched"  # the person was known here before
    CORRECTED = "corrected"
    STRUCK_OUT = "struck_out"


@dataclass(frozen=True, slots=True)
class Change:
    """An attendance after a change, and what that brings with it."""

    attendance: Attendance
    outcome: Outcome
    registers: bool = False  # the person's details are to be passed on
    consents: bool = False
    delivered: tuple[Delivery, ...] = ()
    undelivered: tuple[Delivery, ...] = ()
    found_needs: Set[UUID] = frozenset()
    referred: Set[UUID] = frozenset()  # the ids of referrals
    referred_in_error: Set[UUID] = frozenset()
    taken_steps: Mapping[str, UUID] = field(default_factory=dict)
    untaken_steps: Mapping[str, UUID] = field(default_factory=dict)


def record(
    said: Said,
    jornada: Jornada,
    known: Attendance | None,
    person: Person,
    *,
    by: str,
    only_sender: str | None = None,
) -> Change:
    """Take down that a person came: each once at a jornada, and each attendance once.

    `only_sender` is the organisation whose own copy this is; None: the hub's, which speaks for every organisation.
    """
    if by not in jornada.parties:
        raise Refused("not_a_partner")
    _check_speaker(said, by=by, only_sender=only_sender)
    if jornada.state == CANCELLED:
        raise Refused("not_while_cancelled")
    if known is not None:
        _refuse_repeat(said, known, person, by=by)
    if person.erased:
        raise Refused("person_erased")
    if said.jornada_id in person.jornadas:
        raise Refused("already_present")
    _check(said, jornada)
    _check_referrals(said, by=by)
    deliveries = _deliveries(said, version=1)
    registers = _is_newer(said, person)
    attendance = Attendance(
        attendance_id=said.attendance_id,
        jornada_id=said.jornada_id,
        person_id=said.person_id,
        recorded_by=by,
        present=True,
        present_at=said.present_at,
        sequence=1,
        late=jornada.state == REPORTED,
        deliveries=deliveries,
        consent_id=said.consent_id,
        need_ids=said.need_ids,
        steps=dict.fromkeys(said.steps, 1),
        referral_ids=_ids(said.referrals),
        registered_at=said.said_at if registers else None,
        details_digest=said.details_digest,
    )
    return Change(
        attendance,
        Outcome.MATCHED if person.known else Outcome.ACCEPTED,
        registers=registers,
        consents=said.consent_id is not None,
        delivered=deliveries,
        found_needs=said.need_ids,
        referred=attendance.referral_ids,
        taken_steps=_with_ids(attendance, said.steps),
    )


def correct(
    said: Said,
    jornada: Jornada,
    known: Attendance,
    person: Person,
    *,
    by: str,
    only_sender: str | None = None,
) -> Change:
    """Replace what was said of an attendance; what follows from it is the difference. `only_sender` as above.

    Services of another hour are other services: they are struck out and said again. So are steps that are no longer
    named, for people are counted by them. A need that was found or referred and a consent that was given stay: they
    have a life of their own elsewhere by now.
    """
    if by != known.recorded_by:
        raise Refused("not_yours")
    _check_speaker(said, by=by, only_sender=only_sender)
    _check_unchanged(said, known)
    if known.corrected_at is not None and said.said_at <= known.corrected_at:
        raise Refused("already_corrected" if said.said_at == known.corrected_at else "superseded")
    _check(said, jornada)
    _check_referrals(said, by=by, consented_before=known.consent_id is not None)
    version = known.sequence + 1
    moved = said.present_at != known.present_at
    kept = () if moved else tuple(one for one in known.deliveries if _service(one) in said.services)
    delivered = _deliveries(said, version=version, but={_service(one) for one in kept})
    registers = _is_newer(said, person)
    attendance = replace(
        known,
        present_at=said.present_at,
        sequence=version,
        late=jornada.state == REPORTED,
        deliveries=kept + delivered,
        consent_id=said.consent_id or known.consent_id,
        need_ids=known.need_ids | said.need_ids,
        referral_ids=known.referral_ids | _ids(said.referrals),
        steps={step: known.steps.get(step, version) for step in said.steps},
        corrected_at=said.said_at,
        registered_at=said.said_at if registers else known.registered_at,
        details_digest=said.details_digest if said.with_details else known.details_digest,
    )
    return Change(
        attendance,
        Outcome.CORRECTED,
        registers=registers,
        consents=said.consent_id is not None and said.consent_id != known.consent_id,
        delivered=delivered,
        undelivered=tuple(one for one in known.deliveries if one not in kept),
        found_needs=said.need_ids - known.need_ids,
        referred=_ids(said.referrals) - known.referral_ids,
        taken_steps=_with_ids(attendance, said.steps - known.steps.keys()),
        untaken_steps=_with_ids(known, known.steps.keys() - said.steps),
    )


def strike_out(known: Attendance, jornada: Jornada, *, organiser: str, reason: str, by: str) -> Change:
    """Take an attendance back, with the services received and steps taken there: for its recorder, or the organiser.

    Where nothing of the attendance was true of the person the referrals from there are struck out as well; otherwise
    they stay, for others are at work on them by now.
    """
    if known.jornada_id != jornada.jornada_id or organiser != jornada.organiser:
        raise Refused("of_another_jornada")
    if by not in {known.recorded_by, jornada.organiser}:
        raise Refused("not_yours")
    if not known.present:
        raise Refused("already_struck_out")
    attendance = replace(
        known,
        present=False,
        sequence=known.sequence + 1,
        late=jornada.state == REPORTED,
        deliveries=(),
        steps={},
        strike_reason=reason,
    )
    return Change(
        attendance,
        Outcome.STRUCK_OUT,
        undelivered=known.deliveries,
        untaken_steps=_with_ids(known, known.steps.keys()),
        referred_in_error=known.referral_ids if reason in REFERRED_IN_ERROR else frozenset(),
    )


def erase(known: Attendance) -> Attendance:
    """Keep of an erased person's attendance what is counted, and nothing of what happened for them."""
    return replace(
        known,
        deliveries=(),
        consent_id=None,
        need_ids=frozenset(),
        steps={},
        referral_ids=frozenset(),
        registered_at=None,
        erased=True,
        details_digest=None,
    )


def meet(person: Person, attendance: Attendance) -> Person:
    """Say what is known of somebody once an attendance of theirs has changed."""
    jornadas = person.jornadas - {attendance.jornada_id}
    if attendance.present:
        jornadas |= {attendance.jornada_id}
    met = replace(person, jornadas=jornadas, known=True, erased=person.erased or attendance.erased)
    if attendance.registered_at is None or (person.registered_at and attendance.registered_at < person.registered_at):
        return met
    return replace(
        met,
        registered_at=attendance.registered_at,
        registered_by=attendance.recorded_by,
        details_digest=attendance.details_digest,
    )


def _check_speaker(said: Said, *, by: str, only_sender: str | None) -> None:
    """Leave it to another organisation to speak of its people, consents, needs and steps, where we cannot for it."""
    if only_sender in (None, by):
        return
    if said.with_details or said.consent_id is not None or said.need_ids or said.steps:
        raise Refused("register_it_yourself")


def _check(said: Said, jornada: Jornada) -> None:
    """Hold what is said against the jornada that it is about."""
    if said.organiser != jornada.organiser:
        raise Refused("of_another_jornada")
    if not jornada.plan.starts_at - PRESENT_WITHIN <= said.present_at <= jornada.plan.ends_at + PRESENT_WITHIN:
        raise Refused("not_that_day")
    if not {delivered_by for _, delivered_by in said.services} <= jornada.parties:
        raise Refused("delivered_by_no_partner")


def _check_referrals(said: Said, *, by: str, consented_before: bool = False) -> None:
    """Let a person be referred from there only with their consent, to whom it names.

    Of the consent that comes along only what it allows is asked, as intake does (services/intake/rules/referring.py):
    whose it is, to whom it was given and how long it holds, intake sees. So it does of all that a consent says that was
    given before, of which nothing is known here.
    """
    for referral in said.referrals:
        if referral.recipient == by:
            raise Refused("recipient_is_sender")
        if referral.consent_id not in (None, said.consent_id):
            continue
        if said.consent_id is None:
            if not consented_before:
                raise Refused("consent_missing")
        elif PURPOSE not in said.consented_purposes:
            raise Refused("consent_not_for_purpose")
        elif referral.recipient not in said.consented_recipients:
            raise Refused("consent_not_for_recipient")


def _check_unchanged(said: Said, known: Attendance) -> None:
    """Let only the details of an attendance change, and only while it stands."""
    if said.jornada_id != known.jornada_id:
        raise Refused("of_another_jornada")
    if said.person_id != known.person_id:
        raise Refused("of_another_person")
    if not known.present:
        raise Refused("struck_out")
    if known.erased:
        raise Refused("person_erased")


def _refuse_repeat(said: Said, known: Attendance, person: Person, *, by: str) -> NoReturn:
    """Say in which way an attendance has been said before."""
    if (known.recorded_by, known.jornada_id, known.person_id) != (by, said.jornada_id, said.person_id):
        raise Refused("attendance_of_another")
    if not known.present:
        raise Refused("struck_out")
    if known.erased:
        raise Refused("person_erased")
    services = {_service(one) for one in known.deliveries}
    as_known = (known.present_at, known.consent_id, services, known.need_ids, known.steps.keys(), known.referral_ids)
    as_said = (said.present_at, said.consent_id, said.services, said.need_ids, said.steps, _ids(said.referrals))
    held = {known.details_digest}
    if known.registered_at is None and person.registered_by == by:  # its details were not newer, and never passed on
        held.add(person.details_digest)
    # Of one without details there is nothing to compare.
    same_details = said.details_digest is None or held <= {None, said.details_digest}
    raise Refused("already_recorded" if as_said == as_known and same_details else "recorded_differently")


def _is_newer(said: Said, person: Person) -> bool:
    """Tell whether the person's details are newer than any that were passed on."""
    return said.with_details and (person.registered_at is None or said.said_at > person.registered_at)


def _deliveries(said: Said, *, version: int, but: Set[Service] = frozenset()) -> tuple[Delivery, ...]:
    # With the version in it: what is struck out and said again later is another delivery.
    return tuple(
        Delivery(uuid5(said.attendance_id, f"service {version} {need_code} {delivered_by}"), need_code, delivered_by)
        for need_code, delivered_by in sorted(said.services - but)
    )


def _with_ids(attendance: Attendance, steps: Set[str]) -> dict[str, UUID]:
    """Return these steps of an attendance with the ids that they are said under: one said again later has another."""
    numbered = ((step, attendance.steps[step]) for step in sorted(steps))
    return {
        step: uuid5(attendance.attendance_id, f"step {step}" if number == 1 else f"step {number} {step}")
        for step, number in numbered
    }


def _ids(referrals: Set[Referral]) -> Set[UUID]:
    return frozenset(one.referral_id for one in referrals)


def _service(delivery: Delivery) -> Service:
    return delivery.need_code, delivery.delivered_by
