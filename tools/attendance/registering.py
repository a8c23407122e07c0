"""What an organisation says itself of the people on its list, where the organiser's service cannot say it for them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid5

import contracts


def registrations(said: contracts.AttendanceRecorded, *, registered_at: datetime) -> Iterator[Any]:
    """Say of a person what an attendance would have carried: details, consent, steps, needs, and where those go.

    The ids are the same each time, so that a list that is sent again says nothing twice; details are replaced by those
    with a newer `registered_at`.
    """
    if said.sealed is not None:
        yield contracts.PersonRegistered(person_id=said.person_id, registered_at=registered_at, sealed=said.sealed)
    if said.consent is not None:
        yield contracts.ConsentGranted(**dict(said.consent), person_id=said.person_id, valid_from=said.present_at)
    for step in said.etpv_steps:
        yield contracts.EtpvStepTaken(
            step_id=uuid5(said.attendance_id, f"step {step}"),
            person_id=said.person_id,
            step=step,
            taken_at=said.present_at,
            jornada_id=said.jornada_id,
        )
    for need in said.needs:
        found = need.model_dump(exclude={"refer"})
        yield contracts.NeedIdentified(**found, person_id=said.person_id, identified_at=said.present_at)
    referred = tuple(_referred(need, need.refer, said) for need in said.needs if need.refer is not None)
    if referred:
        yield contracts.NeedsReferred(batch_id=uuid5(said.attendance_id, "referrals 1"), referrals=referred)


def _referred(
    need: contracts.NeedFound, refer: contracts.ReferTo, said: contracts.AttendanceRecorded
) -> contracts.NeedReferred:
    given_there = None if said.consent is None else said.consent.consent_id
    return contracts.NeedReferred(
        **dict(refer) | {"need_id": need.need_id, "consent_id": refer.consent_id or given_there}
    )


def presence(said: contracts.AttendanceRecorded) -> contracts.AttendanceRecorded:
    """Leave of an attendance that the person came, and which services they received."""
    return said.model_copy(
        update={"sealed": None, "details_digest": None, "consent": None, "etpv_steps": (), "needs": ()}
    )
