"""People and their needs, as organisations register them with the hub."""

from typing import Self
from uuid import UUID

from pydantic import ConfigDict, model_validator

from .codes import Urgency, is_confidential
from .fields import CONFIDENTIAL_NEED, CaseCode, Model, Need, Sealed, Time, Zone, exactly_one, present, wrong_field
from .registry import contract


@contract("person.registered.v1", sent_by="partner", received_by="hub", personal_data=True, about="person_id")
class PersonRegistered(Model):
    """An organisation has registered a person, or corrects what it registered before."""

    person_id: UUID
    registered_at: Time
    sealed: Sealed
    """A person block, sealed to the hub."""


@contract("need.identified.v1", sent_by="partner", received_by="hub", personal_data=True, about="need_id")
class NeedIdentified(Model):
    """An organisation has found out what a person lacks."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                exactly_one("person_id", "case_code"),
                {"if": {"properties": CONFIDENTIAL_NEED}, "then": present("case_code")},
            ]
        }
    )

    need_id: UUID
    person_id: UUID | None = None
    case_code: CaseCode | None = None
    need_code: Need
    urgency: Urgency
    identified_at: Time
    zone: Zone | None = None
    """Where the person lives; unmet needs are counted by it."""

    @model_validator(mode="after")
    def _is_about_one_person(self) -> Self:
        if (self.person_id is None) == (self.case_code is None):
            raise wrong_field("person_id", "A need is of a person id or a case code, and not of both")
        if is_confidential(self.need_code) and self.case_code is None:
            raise wrong_field("case_code", "A confidential need travels under a case code")
        return self
