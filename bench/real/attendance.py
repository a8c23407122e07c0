"""Attendance: services/events takes down who came to one jornada, and passes on what happened for each of them there.

Each person is registered there (their sealed block passes through), gives a consent, receives a service, and has a need
found out: seven messages follow from one.
"""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from bench import measure, requests
from bench.contenders import of_the_hub
from bench.ground import Ground
from bench.measure import Throughput, Work
from bench.messages import Sent, say
from contracts import codes

ORGANISER: Final = "redcross"
PARTNER: Final = "iom"
JORNADA_ID: Final = UUID(int=10)
HOUR: Final = timedelta(hours=1)


def measure_attendance(ground: Ground, count: int) -> Throughput:
    """Let events work off the attendance of so many people."""
    now = datetime.now(UTC)
    before = _jornada(now)
    return measure.throughput(
        ground,
        of_the_hub("events", "attendance"),
        Work(
            _attendance(count, now),
            before=before,
            queue="events",
            answers=f"deliver.{ORGANISER}",  # where it is told what became of each
            answers_before=len(before),
            written="select count(*) from attendance",
        ),
    )


def _jornada(now: datetime) -> list[Sent]:
    """What is said before a jornada: of each the organiser is told what has become of it."""
    of: dict[str, Any] = {"jornada_id": JORNADA_ID, "organiser": ORGANISER}
    planned = contracts.JornadaPlanned(
        **of,
        planned_at=now - timedelta(days=10),
        kind=codes.JornadaKind.OUTREACH_TRIP,
        name="Jornada",
        zone="08001",
        place="Polideportivo",
        starts_at=now - 5 * HOUR,
        ends_at=now - HOUR,
        contributions=(
            contracts.Contribution(organisation=ORGANISER, brings=("health.consultation",)),
            contracts.Contribution(organisation=PARTNER, brings=("protection.legal_advice",)),
        ),
    )
    coming = contracts.JornadaPartnerConfirmed(**of, brings=("protection.legal_advice",))
    confirmed = contracts.JornadaConfirmed(**of)
    return [
        _say(planned, JORNADA_ID),
        _say(coming, JORNADA_ID, source=PARTNER),
        _say(confirmed, JORNADA_ID),
    ]


def _attendance(count: int, now: datetime) -> list[Sent]:
    ids = random.Random(3)  # noqa: S311 - nothing is secret about it
    sealed = requests.template().data.sealed  # it looks as if somebody could open it, and nobody does
    made = []
    for _ in range(count):
        attendance_id, person_id, consent_id, need_id = (UUID(int=ids.getrandbits(128), version=4) for _ in range(4))
        recorded = contracts.AttendanceRecorded(
            attendance_id=attendance_id,
            jornada_id=JORNADA_ID,
            organiser=ORGANISER,
            person_id=person_id,
            present_at=now - 3 * HOUR,
            sealed=sealed,
            consent=_consent(consent_id),
            served=(contracts.Served(need_code="health.consultation", delivered_by=ORGANISER),),
            needs=(contracts.NeedFound(need_id=need_id, need_code="shelter.rent", urgency=codes.Urgency.NORMAL),),
            check_in=codes.CheckIn.SPREADSHEET,
        )
        made.append(_say(recorded, attendance_id))
    return made


def _consent(consent_id: UUID) -> contracts.ConsentTaken:
    return contracts.ConsentTaken(
        consent_id=consent_id,
        purposes=(codes.ConsentPurpose.REGISTER, codes.ConsentPurpose.REFER),
        recipients=(ORGANISER, PARTNER),
        field_groups=(codes.FieldGroup.IDENTITY, codes.FieldGroup.CONTACT),
        given_by=codes.ConsentGivenBy.PERSON,
        manner=codes.ConsentManner.SIGNED,
        language="es",
    )


def _say(data: Any, subject: UUID, *, source: str = ORGANISER) -> Sent:
    return say(contracts.Draft(data, subject=str(subject)), source=source)
