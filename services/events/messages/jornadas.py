"""Jornadas: plans come in, and every change goes out to all who take part and to the hub's services."""

from typing import Any

import contracts
from contracts import Draft, codes
from services.events.rules.jornadas import Jornada, Plan


def plan(said: contracts.JornadaPlanned) -> Plan:
    """Read a plan."""
    return Plan(
        planned_at=said.planned_at,
        kind=said.kind,
        name=said.name,
        zone=said.zone,
        place=said.place,
        starts_at=said.starts_at,
        ends_at=said.ends_at,
        capacity=said.capacity,
        contributions={one.organisation: one.brings for one in said.contributions},
    )


def statuses(jornada: Jornada, before: Jornada | None = None) -> list[Draft]:
    """Tell everybody of a change: the organiser, each partner (who was one before, too), and the hub's services."""
    facts = _facts(jornada)
    told = sorted(jornada.parties | (before.parties if before else set()))
    status, recorded = contracts.JornadaStatus(**facts), contracts.JornadaRecorded(**facts)
    subject = str(jornada.jornada_id)
    return [
        *(Draft(status, subject, recipient=organisation, sequence=jornada.sequence) for organisation in told),
        Draft(recorded, subject, sequence=jornada.sequence),
    ]


def _facts(jornada: Jornada) -> dict[str, Any]:
    plan = jornada.plan
    return {
        "jornada_id": jornada.jornada_id,
        "organiser": jornada.organiser,
        "state": codes.JornadaState(jornada.state),
        "changed_at": jornada.changed_at,
        "kind": codes.JornadaKind(plan.kind),
        "name": plan.name,
        "zone": plan.zone,
        "place": plan.place,
        "starts_at": plan.starts_at,
        "ends_at": plan.ends_at,
        "capacity": plan.capacity,
        "contributions": tuple(
            contracts.Contribution(organisation=organisation, brings=brings)
            for organisation, brings in sorted(plan.contributions.items())  # the database keeps no order of theirs
        ),
        "confirmed_by": tuple(sorted(jornada.confirmed_by)),
        "held_at": jornada.held_at,
        "cancel_reason": jornada.cancel_reason and codes.JornadaCancelReason(jornada.cancel_reason),
    }
