"""Households, as organisations register them with the hub."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import HouseholdRole
from .fields import Model, Said, Several, wrong_field
from .registry import contract

_ONE_HEAD: dict[str, Any] = {
    "properties": {
        "members": {
            "contains": {"properties": {"role": {"const": HouseholdRole.HEAD.value}}},
            "minContains": 1,
            "maxContains": 1,
        }
    }
}


class Member(Model):
    """One member of a household."""

    person_id: UUID
    role: HouseholdRole
    """What they are to the head."""


@contract("household.recorded.v1", sent_by="partner", received_by="hub", personal_data=True, about="household_id")
class HouseholdRecorded(Model):
    """An organisation has registered who lives together, or corrects what it registered before."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_ONE_HEAD]})

    household_id: UUID
    recorded_at: Said
    members: Annotated[Several[Member], Field(min_length=1, max_length=40)]
    """Everybody, the head included; who is no longer named has left."""

    @model_validator(mode="after")
    def _has_one_head_and_nobody_twice(self) -> Self:
        if sum(member.role is HouseholdRole.HEAD for member in self.members) != 1:
            raise wrong_field("members", "A household has one head")
        if len({member.person_id for member in self.members}) != len(self.members):
            raise wrong_field("members", "Nobody is in a household twice")
        return self
