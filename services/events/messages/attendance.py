"""Attendance: what is said of it, and all that follows on that organisation's behalf; a sealed block stays sealed."""

from collections.abc import Iterator
from uuid import uuid5

import contracts
from contracts import Draft, codes
from services.events.rules.attendance import REFERRED_IN_ERROR, Attendance, Change, Referral, Said
from services.events.rules.jornadas import Jornada

Presence = contracts.AttendanceRecorded | contracts.AttendanceCorrected


def said(said: Presence) -> Said:
    """Read what is said of an attendance."""
    return Said(
        attendance_id=said.attendance_id,
        jornada_id=said.jornada_id,
        organiser=said.organiser,
        person_id=said.person_id,
        present_at=said.present_at,
        said_at=said.corrected_at if isinstance(said, contracts.AttendanceCorrected) else said.present_at,
        with_details=said.sealed is not None,
        consent_id=None if said.consent is None else said.consent.consent_id,
        services=frozenset((one.need_code, one.delivered_by) for one in said.served),
        need_ids=frozenset(need.need_id for need in said.needs),
        steps=frozenset(said.etpv_steps),
        referrals=frozenset(
            Referral(need.refer.referral_id, need.refer.recipient, need.refer.consent_id)
            for need in said.needs
            if need.refer is not None
        ),
        consented_purposes=frozenset() if said.consent is None else frozenset(said.consent.purposes),
        consented_recipients=frozenset() if said.consent is None else frozenset(said.consent.recipients),
        details_digest=None if said.sealed is None else said.details_digest,
    )


def origin(said: contracts.AttendanceRecorded) -> dict[str, object]:
    """Read how an attendance was taken down, and where it stood in a file."""
    return {"check_in": said.check_in, **(dict(said.row) if said.row else {})}


def happened(change: Change, jornada: Jornada, said: Presence, *, speaker: str | None) -> list[Draft]:
    """Say all that follows from an attendance: for its recorder what happened to the person, for us that they count.

    `speaker` is the organisation on whose behalf the first is said; None: we say it ourselves.
    """
    attendance = change.attendance
    return [
        *_registration(change, said, speaker),
        *_steps(change, codes.StrikeReason.CORRECTED, speaker),
        *_needs(change, said, speaker),
        *_referrals(change, said, speaker),
        *_deliveries(change, jornada, codes.StrikeReason.CORRECTED, speaker),
        _counted(attendance, jornada),
        _settled(change, said.row, to=attendance.recorded_by),
    ]


def struck_out(
    change: Change, jornada: Jornada, said: contracts.AttendanceStruckOut, *, by: str, speaker: str | None
) -> list[Draft]:
    """Say that an attendance no longer counts, to whoever struck it out and to whoever had recorded it."""
    told = sorted({by, change.attendance.recorded_by})
    return [
        *_steps(change, said.reason, speaker),
        *_referrals_in_error(change, said.reason, speaker),
        *_deliveries(change, jornada, said.reason, speaker),
        _counted(change.attendance, jornada),
        *(_settled(change, None, to=organisation) for organisation in told),
    ]


def _registration(change: Change, said: Presence, speaker: str | None) -> Iterator[Draft]:
    person_id = change.attendance.person_id
    if change.registers:
        assert said.sealed is not None
        registered_at = change.attendance.registered_at
        assert registered_at is not None
        registered = contracts.PersonRegistered(person_id=person_id, registered_at=registered_at, sealed=said.sealed)
        yield Draft(registered, str(person_id), source=speaker)
    if change.consents:
        assert said.consent is not None
        granted = contracts.ConsentGranted(**dict(said.consent), person_id=person_id, valid_from=said.present_at)
        yield Draft(granted, str(granted.consent_id), source=speaker)


def _steps(change: Change, reason: codes.StrikeReason, speaker: str | None) -> Iterator[Draft]:
    attendance = change.attendance
    for step_id in change.untaken_steps.values():
        struck = contracts.EtpvStepStruckOut(step_id=step_id, reason=reason)
        yield Draft(struck, str(step_id), source=speaker)
    for step in codes.EtpvStep:  # in the order of the Statute
        if step in change.taken_steps:
            taken = contracts.EtpvStepTaken(
                step_id=change.taken_steps[step],
                person_id=attendance.person_id,
                step=step,
                taken_at=attendance.present_at,
                jornada_id=attendance.jornada_id,
            )
            yield Draft(taken, str(taken.step_id), source=speaker)


def _needs(change: Change, said: Presence, speaker: str | None) -> Iterator[Draft]:
    for need in said.needs:
        if need.need_id in change.found_needs:
            identified = contracts.NeedIdentified(
                need_id=need.need_id,
                person_id=said.person_id,
                need_code=need.need_code,
                urgency=need.urgency,
                identified_at=said.present_at,
            )
            yield Draft(identified, str(need.need_id), source=speaker)


def _referrals(change: Change, said: Presence, speaker: str | None) -> Iterator[Draft]:
    """Ask for all of them at once, after what they are of: intake takes what one organisation says in order."""
    attendance = change.attendance
    referred = tuple(
        contracts.NeedReferred(
            **dict(refer) | {"need_id": need.need_id, "consent_id": refer.consent_id or attendance.consent_id}
        )
        for need in said.needs
        if (refer := need.refer) is not None and refer.referral_id in change.referred
    )
    if referred:
        batch_id = uuid5(attendance.attendance_id, f"referrals {attendance.sequence}")
        yield Draft(contracts.NeedsReferred(batch_id=batch_id, referrals=referred), str(batch_id), source=speaker)


def _referrals_in_error(change: Change, reason: codes.StrikeReason, speaker: str | None) -> Iterator[Draft]:
    for referral_id in sorted(change.referred_in_error):
        struck = contracts.ReferralEnteredInError(
            referral_id=referral_id, reason=codes.ErrorReason(REFERRED_IN_ERROR[reason])
        )
        yield Draft(struck, str(referral_id), source=speaker)


def _deliveries(change: Change, jornada: Jornada, reason: codes.StrikeReason, speaker: str | None) -> Iterator[Draft]:
    for delivery in change.undelivered:
        struck = contracts.ServiceDeliveryStruckOut(delivery_id=delivery.delivery_id, reason=reason)
        yield Draft(struck, str(delivery.delivery_id), source=speaker)
    for delivery in change.delivered:
        delivered = contracts.ServiceDelivered(
            delivery_id=delivery.delivery_id,
            person_id=change.attendance.person_id,
            need_code=delivery.need_code,
            delivered_at=change.attendance.present_at,
            delivered_by=delivery.delivered_by,
            zone=jornada.plan.zone,
            jornada_id=jornada.jornada_id,
        )
        yield Draft(delivered, str(delivery.delivery_id), source=speaker)


def _counted(attendance: Attendance, jornada: Jornada) -> Draft:
    counted = contracts.AttendanceCounted(
        attendance_id=attendance.attendance_id,
        jornada_id=attendance.jornada_id,
        organiser=jornada.organiser,
        person_id=attendance.person_id,
        present=attendance.present,
        present_at=attendance.present_at,
        recorded_by=attendance.recorded_by,
    )
    return Draft(counted, str(attendance.attendance_id), sequence=attendance.sequence)


def _settled(change: Change, row: contracts.Row | None, *, to: str) -> Draft:
    attendance = change.attendance
    settled = contracts.AttendanceSettled(
        attendance_id=attendance.attendance_id,
        jornada_id=attendance.jornada_id,
        person_id=attendance.person_id,
        outcome=codes.AttendanceOutcome(change.outcome),
        late=attendance.late,
        row=row,
    )
    return Draft(settled, str(attendance.attendance_id), recipient=to)
