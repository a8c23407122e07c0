"""Services that people have received."""

from typing import Self
from uuid import UUID

from pydantic import ConfigDict, model_validator

from .codes import StrikeReason, is_confidential
from .fields import (
    CONFIDENTIAL_NEED,
    CaseCode,
    Code,
    Model,
    Need,
    OrganisationId,
    Said,
    Zone,
    exactly_one,
    present,
    wrong_field,
)
from .registry import contract


@contract("service.delivered.v1", sent_by="partner", received_by="hub", personal_data=True, about="delivery_id")
class ServiceDelivered(Model):
    """A person has received a service."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                exactly_one("person_id", "case_code"),
                {"if": {"properties": CONFIDENTIAL_NEED}, "then": present("case_code")},
            ]
        }
    )

    delivery_id: UUID
    person_id: UUID | None = None
    case_code: CaseCode | None = None
    need_code: Need
    """The need that the service was for."""
    delivered_at: Said
    delivered_by: OrganisationId
    """The organisation that served the person; another than the sender at their jornada or in its programme."""
    zone: Zone
    """The municipality in which it was delivered."""
    jornada_id: UUID | None = None
    referral_id: UUID | None = None
    programme: Code | None = None
    """The programme that it was part of, such as `employment_pilot`."""

    @model_validator(mode="after")
    def _is_for_one_person(self) -> Self:
        if (self.person_id is None) == (self.case_code is None):
            raise wrong_field("person_id", "A service is delivered to a person id or a case code, and not to both")
        if is_confidential(self.need_code) and self.case_code is None:
            raise wrong_field("case_code", "A confidential need travels under a case code")
        return self


@contract(
    "service.delivery_struck_out.v1", sent_by="partner", received_by="hub", personal_data=True, about="delivery_id"
)
class ServiceDeliveryStruckOut(Model):
    """A delivery that was reported should not have been: it no longer counts."""

    delivery_id: UUID
    reason: StrikeReason
