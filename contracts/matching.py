"""One person in several registrations: what the hub proposes, what a coordinator decides, and who is whom then."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import MatchDecision
from .fields import Code, Model, OrganisationId, Said, Several, wrong_field
from .registry import contract

_Two = Annotated[Several[UUID], Field(min_length=2, max_length=2)]
_TWO_DIFFERENT: dict[str, Any] = {"allOf": [{"properties": {"person_ids": {"uniqueItems": True}}}]}


class _Pair(Model):
    """Two registrations."""

    model_config = ConfigDict(json_schema_extra=_TWO_DIFFERENT)

    match_id: UUID
    """Of the two, whoever names them first: UUID version 5 in the namespace of OIDs, of both ids in lower case, the
    lesser first, with a blank between."""
    person_ids: _Two

    @model_validator(mode="after")
    def _is_of_two(self) -> Self:
        if self.person_ids[0] == self.person_ids[1]:
            raise wrong_field("person_ids", "A match is of two different registrations")
        return self


class MatchReason(Model):
    """How one field of two registrations compares; never what is in it."""

    field: Code
    """Such as `document`, `family_names`, `birth_date`; `docs/matching.md` lists them and their comparisons."""
    comparison: Code
    """Such as `same`, `swapped`, `one_missing`, `alike`, `different`."""
    weight: Annotated[float, Field(ge=-40, le=40)]
    """In bits: how much it speaks for one person, or against, rather than for relatives or strangers."""


@contract("match.proposed.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="match_id")
class MatchProposed(_Pair):
    """Two registrations may be of one person: a coordinator is asked. Nothing is ever merged by itself."""

    score: Annotated[float, Field(ge=0, le=1)]
    """How likely it is."""
    reasons: Annotated[Several[MatchReason], Field(max_length=20)]
    """The weightiest first."""
    held_back: Annotated[int, Field(ge=0)] = 0
    """How many more registrations one of the two may be the same as, which are asked about as these are answered."""


@contract("match.linked.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="match_id")
class MatchLinked(_Pair):
    """Two registrations are of one person, whether it was proposed or not."""


@contract("match.rejected.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="match_id")
class MatchRejected(_Pair):
    """Two registrations are not of one person; it is not proposed again."""


@contract("match.undone.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="match_id")
class MatchUndone(Model):
    """A coordinator takes back a link, or a "not the same"."""

    match_id: UUID


@contract("match.decided.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="match_id")
class MatchDecided(_Pair):
    """Another coordinator has decided about two registrations: nobody need be asked about them any more, or again."""

    decision: MatchDecision
    decided_by: OrganisationId
    decided_at: Said


@contract("person.identified.v1", sent_by="hub", received_by="hub services", personal_data=True, about="network_id")
class PersonIdentified(Model):
    """These registrations, and no others, are one person of the network; it takes the place of what was said before.

    Who is never named here is a person of the network by themselves, with the registration's own id.
    """

    network_id: UUID
    person_ids: Annotated[Several[UUID], Field(min_length=1, max_length=200)]
