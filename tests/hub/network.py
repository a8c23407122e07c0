"""A small network with messages of its organisations, as the entrances' tests need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import contracts
from contracts import codes
from hub.gateway.admission import Members
from messaging.bridge import Arrival
from messaging.broker import CONTENT_TYPE, Publication
from messaging.topology import Organisation, System

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


ORGANISATIONS = {
    "redcross": Organisation("redcross", "Cruz Roja", ("service.published", "referral.*")),
    "iom": Organisation("iom", "OIM", ("need.identified",)),
    "americares": Organisation(
        "americares",
        "Americares",
        ("jornada.*", "attendance.*", "person.registered"),
        systems=(
            System(
                "americares",
                "events",
                ("jornada.confirmed", "jornada.status"),
                (),
                "events",
                ("attendance.counted", "attendance.settled", "jornada.status", "message.refused"),
            ),
            System(
                "americares",
                "lists",
                ("attendance.settled",),
                ("attendance.*",),
            ),
        ),
    ),
}


MEMBERS = Members(ORGANISATIONS, {})


def among(*others: Organisation) -> Members:
    """The members, with these besides or in their place."""
    return Members({**ORGANISATIONS, **{one.id: one for one in others}}, {})


def arrival(message: contracts.Message, *, queue: str = "submit.redcross", user: str | None = "redcross") -> Arrival:
    properties: dict[str, Any] = {"content_type": CONTENT_TYPE}
    properties |= {"user_id": user} if user else {}
    return Arrival(queue, f"{message.source}.{message.type}", 1, message.to_json(), properties)


def refusal(publication: Publication) -> contracts.MessageRefused:
    data = contracts.parse(publication.body).data
    assert isinstance(data, contracts.MessageRefused)
    return data


def from_whom(data: Any, source: str, *, recipient: str | None = None) -> Arrival:
    about = contracts.contract_of(data).about
    subject = str(getattr(data, about)) if about else str(contracts.uuid7())
    message = contracts.stamp(contracts.Draft(data, subject, recipient, sequence=1), source=source, time=NOW)
    return arrival(message, queue=f"submit.{source}", user=source)


def confirmed(organiser: str) -> contracts.JornadaConfirmed:
    return contracts.JornadaConfirmed(jornada_id=contracts.uuid7(), organiser=organiser)


def settled() -> contracts.AttendanceSettled:
    attendance, jornada, person = contracts.uuid7(), contracts.uuid7(), contracts.uuid7()
    accepted = codes.AttendanceOutcome.ACCEPTED
    return contracts.AttendanceSettled(
        attendance_id=attendance, jornada_id=jornada, person_id=person, outcome=accepted, late=False
    )


def runs_employment() -> Organisation:
    """Who keeps its own participants itself: nothing that others say of them is diverted to it."""
    publishes = ("message.refused", "placement.follow_up_due")
    system = System("fuvadis", "employment", ("participation.started", "referral.offered"), (), "employment", publishes)
    return Organisation("fuvadis", "FUVADIS", (), systems=(system,))


def due() -> contracts.PlacementFollowUpDue:
    return contracts.PlacementFollowUpDue(candidacy_id=contracts.uuid7(), day=30, due_on=NOW.date())


def status() -> contracts.JornadaStatus:
    return contracts.JornadaStatus(
        jornada_id=contracts.uuid7(),
        organiser="redcross",
        state=codes.JornadaState.PLANNED,
        changed_at=NOW,
        kind=codes.JornadaKind.SERVICE_FAIR,
        name="Feria de servicios",
        zone="08001",
        place="Cancha La Chinita",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=8),
    )


def counted() -> contracts.AttendanceCounted:
    said = settled()
    return contracts.AttendanceCounted(
        attendance_id=said.attendance_id,
        jornada_id=said.jornada_id,
        organiser="americares",
        person_id=said.person_id,
        present=True,
        present_at=NOW,
        recorded_by="redcross",
    )


def refused(kind: str | None = None, **overrides: Any) -> contracts.MessageRefused:
    said = {"code": "not_yours", "refused_id": contracts.uuid7(), "refused_type": kind, "body_sha256": "0" * 64}
    return contracts.MessageRefused(**{**said, **overrides})
