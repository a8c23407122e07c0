"""Outreach events (jornadas): a day in a neighbourhood where partners serve and register people."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from .codes import JornadaCancelReason, JornadaKind, JornadaState
from .fields import Model, Need, OrganisationId, Past, Planned, PublicText, Said, Several, Time, Zone, wrong_field
from .registry import contract


class Contribution(Model):
    """What one partner brings to a jornada."""

    organisation: OrganisationId
    brings: Annotated[Several[Need], Field(max_length=20)]
    """The needs that it meets there; empty: it helps otherwise."""


class _Jornada(Model):
    jornada_id: UUID
    organiser: OrganisationId


@contract("jornada.planned.v1", sent_by="partner", received_by="organiser", personal_data=False, about="jornada_id")
class JornadaPlanned(_Jornada):
    """An organisation plans an outreach event, or changes the plan of one that has not been held."""

    planned_at: Said
    """When this plan was made: an older one does not replace it."""
    kind: JornadaKind
    name: PublicText
    zone: Zone
    place: PublicText
    """Where in the municipality, for everybody to read."""
    starts_at: Planned
    ends_at: Planned
    capacity: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many people can be served."""
    contributions: Annotated[Several[Contribution], Field(max_length=30)] = ()
    """What the partners bring, the organiser too."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise wrong_field("ends_at", "A jornada ends after it starts")
        if len({one.organisation for one in self.contributions}) != len(self.contributions):
            raise wrong_field("contributions", "Each partner is named once")
        return self


@contract(
    "jornada.partner_confirmed.v1", sent_by="partner", received_by="organiser", personal_data=False, about="jornada_id"
)
class JornadaPartnerConfirmed(_Jornada):
    """A partner confirms that it comes, and what it brings."""

    brings: Annotated[Several[Need], Field(max_length=20)]


@contract("jornada.confirmed.v1", sent_by="partner", received_by="organiser", personal_data=False, about="jornada_id")
class JornadaConfirmed(_Jornada):
    """The organiser confirms that the event takes place as planned."""


@contract("jornada.held.v1", sent_by="partner", received_by="organiser", personal_data=False, about="jornada_id")
class JornadaHeld(_Jornada):
    """The event has taken place; attendance may still arrive."""

    held_at: Annotated[Time, Past("in_the_future")]


@contract("jornada.reported.v1", sent_by="partner", received_by="organiser", personal_data=False, about="jornada_id")
class JornadaReported(_Jornada):
    """The organiser has sent all attendance; what comes later is marked as late.

    It carries no totals: they are counted.
    """


@contract("jornada.cancelled.v1", sent_by="partner", received_by="organiser", personal_data=False, about="jornada_id")
class JornadaCancelled(_Jornada):
    """The event does not take place."""

    reason: JornadaCancelReason


class _Status(Model):
    jornada_id: UUID
    organiser: OrganisationId
    state: JornadaState
    changed_at: Said
    kind: JornadaKind
    name: PublicText
    zone: Zone
    place: PublicText
    starts_at: Planned
    ends_at: Planned
    capacity: int | None = None
    contributions: Annotated[Several[Contribution], Field(max_length=30)] = ()
    confirmed_by: Annotated[Several[OrganisationId], Field(max_length=30)] = ()
    """The partners that have confirmed."""
    held_at: Annotated[Time, Past("in_the_future")] | None = None
    cancel_reason: JornadaCancelReason | None = None


@contract(
    "jornada.status.v1",
    sent_by="service",
    received_by="both parties",
    personal_data=False,
    about="jornada_id",
    numbered=True,
)
class JornadaStatus(_Status):
    """What has become of an outreach event, for its organiser and partners; each change has the next number."""


@contract(
    "jornada.recorded.v1",
    sent_by="service",
    received_by="hub services",
    personal_data=False,
    about="jornada_id",
    numbered=True,
)
class JornadaRecorded(_Status):
    """The same for the hub's services, which count it."""
