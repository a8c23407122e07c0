"""Participations, and the services that participants receive."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from uuid import UUID

import contracts
from contracts import Draft, Message, codes
from services.employment.rules.participations import Participation, Step


def participation(message: Message[contracts.ParticipationStarted]) -> Participation:
    """Read that somebody takes part in a programme."""
    said = message.data
    return Participation(
        participation_id=said.participation_id,
        organisation=message.source,
        person_id=said.person_id,
        programme=said.programme,
        started_at=said.started_at,
        referral_id=said.referral_id,
        referred=said.referral_id is not None,
    )


def recorded(participation: Participation) -> Draft:
    """Tell the hub's services how far somebody is in a programme."""
    recorded = contracts.ParticipationRecorded(
        participation_id=participation.participation_id,
        person_id=participation.person_id,
        organisation=participation.organisation,
        programme=participation.programme,
        state=codes.ParticipationState(participation.state),
        started_at=participation.started_at,
        steps=tuple(codes.EmployabilityStep(step) for step in Step if step in participation.steps),
        placed=participation.placed,
    )
    return Draft(recorded, subject=str(participation.participation_id), sequence=participation.sequence)


def delivered(said: contracts.ParticipationServiceReceived, participation: Participation) -> Draft:
    """Say for the programme's organisation that a participant has received one of its services."""
    delivered = contracts.ServiceDelivered(
        delivery_id=said.delivery_id,
        person_id=participation.person_id,
        need_code=said.need_code,
        delivered_at=said.delivered_at,
        delivered_by=said.delivered_by,
        zone=said.zone,
        programme=participation.programme,
    )
    return Draft(delivered, subject=str(said.delivery_id), source=participation.organisation)


def delivery_struck_out(delivery_id: UUID, participation: Participation, reason: codes.StrikeReason) -> Draft:
    """Say for the programme's organisation that a service it reported no longer counts."""
    struck_out = contracts.ServiceDeliveryStruckOut(delivery_id=delivery_id, reason=reason)
    return Draft(struck_out, subject=str(delivery_id), source=participation.organisation)
