"""One canonical jornada and attendance, as messages and as records, with keyword overrides."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import contracts
from contracts import codes
from services.events.rules import attendance, jornadas
from tests.examples import ANOTHER, CONSENT_ID, DAY, NEED_ID, NOW, PERSON_ID, REFERRAL_ID, SEALED, SERVICE_ID

JORNADA_ID = UUID("01950000-0000-7000-8000-000000000010")
ATTENDANCE_ID = UUID("01950000-0000-7000-8000-000000000011")

ORGANISER, PARTNER, STRANGER = "redcross", "iom", ANOTHER
STARTS, ENDS = NOW - 5 * timedelta(hours=1), NOW - timedelta(hours=1)  # it has ended when the tests begin
PRESENT = NOW - 3 * timedelta(hours=1)

# ---------------------------------------------------------------------------------------------------------------------
# As organisations say it
# ---------------------------------------------------------------------------------------------------------------------


def jornada_planned(**overrides: Any) -> contracts.JornadaPlanned:
    return contracts.JornadaPlanned(
        **{
            "jornada_id": JORNADA_ID,
            "organiser": ORGANISER,
            "planned_at": NOW - 10 * DAY,
            "kind": codes.JornadaKind.OUTREACH_TRIP,
            "name": "Jornada en La Playa",
            "zone": "08001",
            "place": "Polideportivo La Playa",
            "starts_at": STARTS,
            "ends_at": ENDS,
            "capacity": 400,
            "contributions": (
                contracts.Contribution(organisation=ORGANISER, brings=("health.consultation",)),
                contracts.Contribution(organisation=PARTNER, brings=("protection.legal_advice",)),
            ),
            **overrides,
        }
    )


def partner_confirmed(**overrides: Any) -> contracts.JornadaPartnerConfirmed:
    return contracts.JornadaPartnerConfirmed(
        **{"jornada_id": JORNADA_ID, "organiser": ORGANISER, "brings": ("protection.legal_advice",), **overrides}
    )


def jornada_confirmed(**overrides: Any) -> contracts.JornadaConfirmed:
    return contracts.JornadaConfirmed(**{"jornada_id": JORNADA_ID, "organiser": ORGANISER, **overrides})


def jornada_held(**overrides: Any) -> contracts.JornadaHeld:
    return contracts.JornadaHeld(
        **{"jornada_id": JORNADA_ID, "organiser": ORGANISER, "held_at": ENDS, **overrides},
    )


def jornada_reported(**overrides: Any) -> contracts.JornadaReported:
    return contracts.JornadaReported(**{"jornada_id": JORNADA_ID, "organiser": ORGANISER, **overrides})


def jornada_cancelled(**overrides: Any) -> contracts.JornadaCancelled:
    return contracts.JornadaCancelled(
        **{
            "jornada_id": JORNADA_ID,
            "organiser": ORGANISER,
            "reason": codes.JornadaCancelReason.WEATHER,
            **overrides,
        }
    )


def _presence(**overrides: Any) -> dict[str, Any]:
    return {
        "attendance_id": ATTENDANCE_ID,
        "jornada_id": JORNADA_ID,
        "organiser": ORGANISER,
        "person_id": PERSON_ID,
        "present_at": PRESENT,
        "sealed": SEALED,
        "consent": contracts.ConsentTaken(
            consent_id=CONSENT_ID,
            purposes=(codes.ConsentPurpose.REGISTER, codes.ConsentPurpose.REFER),
            recipients=(ORGANISER, PARTNER),
            field_groups=(codes.FieldGroup.IDENTITY, codes.FieldGroup.CONTACT),
            given_by=codes.ConsentGivenBy.PERSON,
            manner=codes.ConsentManner.SIGNED,
            language="es",
        ),
        "served": (contracts.Served(need_code="health.consultation", delivered_by=ORGANISER),),
        "needs": (contracts.NeedFound(need_id=NEED_ID, need_code="shelter.rent", urgency=codes.Urgency.URGENT),),
        "etpv_steps": (codes.EtpvStep.PRE_REGISTRATION,),
        "row": contracts.Row(file_sha256="9f" * 32, line=12),
        **overrides,
    }


def need_referred_from_there(**overrides: Any) -> contracts.NeedFound:
    """The need of the canonical attendance, referred by PARTNER to ORGANISER; overrides are of the referral."""
    refer = contracts.ReferTo(
        **{"referral_id": REFERRAL_ID, "recipient": ORGANISER, "service_id": SERVICE_ID, **overrides}
    )
    return contracts.NeedFound(need_id=NEED_ID, need_code="shelter.rent", urgency=codes.Urgency.URGENT, refer=refer)


def attendance_recorded(**overrides: Any) -> contracts.AttendanceRecorded:
    return contracts.AttendanceRecorded(**{"check_in": codes.CheckIn.SPREADSHEET, **_presence(**overrides)})


def attendance_corrected(**overrides: Any) -> contracts.AttendanceCorrected:
    return contracts.AttendanceCorrected(**{"corrected_at": NOW, **_presence(**overrides)})


def attendance_struck_out(**overrides: Any) -> contracts.AttendanceStruckOut:
    return contracts.AttendanceStruckOut(
        **{
            "attendance_id": ATTENDANCE_ID,
            "jornada_id": JORNADA_ID,
            "organiser": ORGANISER,
            "reason": codes.StrikeReason.NOT_PRESENT,
            **overrides,
        }
    )


# ---------------------------------------------------------------------------------------------------------------------
# As events keeps it
# ---------------------------------------------------------------------------------------------------------------------


def a_plan(**overrides: Any) -> jornadas.Plan:
    return replace(
        jornadas.Plan(
            planned_at=NOW - 10 * DAY,
            kind="outreach_trip",
            name="Jornada en La Playa",
            zone="08001",
            place="Polideportivo La Playa",
            starts_at=STARTS,
            ends_at=ENDS,
            capacity=400,
            contributions={ORGANISER: ("health.consultation",), PARTNER: ("protection.legal_advice",)},
        ),
        **overrides,
    )


def a_jornada(**overrides: Any) -> jornadas.Jornada:
    """A jornada in whatever state; overrides of the plan go into it."""
    plan = {name: overrides.pop(name) for name in jornadas.Plan.__slots__ if name in overrides}
    return replace(
        jornadas.Jornada(
            JORNADA_ID, ORGANISER, a_plan(**plan), jornadas.CONFIRMED, sequence=2, changed_at=NOW - 2 * DAY
        ),
        **overrides,
    )


def said(**overrides: Any) -> attendance.Said:
    return replace(
        attendance.Said(
            attendance_id=ATTENDANCE_ID,
            jornada_id=JORNADA_ID,
            organiser=ORGANISER,
            person_id=PERSON_ID,
            present_at=PRESENT,
            said_at=PRESENT,
            with_details=True,
            consent_id=CONSENT_ID,
            services=frozenset({("health.consultation", ORGANISER)}),
            need_ids=frozenset({NEED_ID}),
            steps=frozenset({"pre_registration"}),
        ),
        **overrides,
    )


def said_with_a_referral(**overrides: Any) -> attendance.Said:
    """The same with its need referred to PARTNER, as the consent allows."""
    return replace(
        said(
            referrals=frozenset({attendance.Referral(REFERRAL_ID, PARTNER)}),
            consented_purposes=frozenset({"register", "refer"}),
            consented_recipients=frozenset({ORGANISER, PARTNER}),
        ),
        **overrides,
    )


def an_attendance(**overrides: Any) -> attendance.Attendance:
    """What is kept of `said()`, recorded by the organiser."""
    change = attendance.record(said(), a_jornada(), None, attendance.Person(), by=ORGANISER)
    return replace(change.attendance, **overrides)
