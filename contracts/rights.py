"""What people may ask of those who hold their data (habeas data, Ley 1581 of 2012), and its deadlines."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .codes import RightsAnswer, RightsKind
from .fields import Model, OrganisationId, Past, PlannedOn, Said, Several, Time
from .registry import contract


@contract("rights.requested.v1", sent_by="partner", received_by="hub", personal_data=True, about="request_id")
class RightsRequested(Model):
    """A person has asked an organisation what is held about them, or for it to be corrected or erased."""

    request_id: UUID
    person_id: UUID
    kind: RightsKind
    received_at: Annotated[Time, Past("received_in_the_future")]


@contract("rights.extended.v1", sent_by="partner", received_by="hub", personal_data=True, about="request_id")
class RightsExtended(Model):
    """The answer takes longer: the person has been told why, before the first term ended."""

    request_id: UUID
    told_at: Said


@contract("rights.answered.v1", sent_by="partner", received_by="hub", personal_data=True, about="request_id")
class RightsAnswered(Model):
    """The person has been answered. An erasure that a coordinator grants is carried out everywhere.

    An erasure is answered by an organisation that registered the person, or by a coordinator; anything else by the
    organisation that the person went to. One that registered the person grants what it registered itself; others who
    did have ten working days to answer in their turn, after which it is granted for them as well.
    """

    request_id: UUID
    answer: RightsAnswer
    answered_at: Said


@contract("rights.due.v1", sent_by="hub", received_by="either party", personal_data=True, about="request_id")
class RightsDue(Model):
    """By when a request has to be answered; said when it is kept or extended, and when the day comes near or passes."""

    request_id: UUID
    person_id: UUID
    """The person as who is told knows them: the id under which it registered them, else the one of the request."""
    kind: RightsKind
    organisation: OrganisationId
    """Whom the person went to."""
    answer_by: PlannedOn
    """The last working day of Colombia on which it may be answered."""
    overdue: bool
    granted_by: Annotated[Several[OrganisationId], Field(max_length=50)] = ()
    """Of an erasure that waits for others who registered the person: who has granted it for what it registered itself.
    Whoever has not answered by `answer_by` is taken to have granted it."""
    open_referrals: Annotated[Several[UUID], Field(max_length=200)] = ()
    """Of an erasure: the person's referrals under way, between others than who is notified, which it would end."""


@contract("person.erased.v1", sent_by="hub", received_by="hub services", personal_data=True, about="person_id")
class PersonErased(Model):
    """The person's data has been erased in intake; each service erases what it holds, and keeps what it counts."""

    person_id: UUID
    erased_at: Said


@contract("person.erasure_asked.v1", sent_by="hub", received_by="either party", personal_data=True, about="person_id")
class PersonErasureAsked(Model):
    """An organisation that was sent something about a person is asked to erase it."""

    person_id: UUID
    erase_by: PlannedOn
