"""Facts said again: for a service that only reads, and has to fill its tables anew while everything runs."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .consent import ConsentEnded, ConsentRecorded, ConsentResumed, ConsentSuspended
from .directory import ServiceRecorded
from .fields import Model, Said, Several, present, wrong_field
from .people import NeedRecorded
from .referral_notices import ReferralNoted, ReferralRecorded
from .registry import contract
from .rights import PersonErased

ServiceName = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{1,39}$")]
Place = Annotated[str, Field(max_length=100, pattern="^[0-9a-z:-]+$")]
"""How far a service has got; only that service reads it."""
FACTS_AT_ONCE = 250

_KINDS = (
    "referral_recorded",
    "referral_noted",
    "service_recorded",
    "consent_recorded",
    "consent_suspended",
    "consent_resumed",
    "consent_ended",
    "person_erased",
    "need_recorded",
)


class FactSaid(Model):
    """One fact, as the message of its kind has it: exactly one of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [present(kind) for kind in _KINDS],
            "if": present("referral_recorded"),
            "then": present("sequence"),
        }
    )

    sequence: Annotated[int, Field(ge=1)] | None = None
    """Its place among the numbered ones about its subject, where it has one."""
    referral_recorded: ReferralRecorded | None = None
    referral_noted: ReferralNoted | None = None
    service_recorded: ServiceRecorded | None = None
    consent_recorded: ConsentRecorded | None = None
    consent_suspended: ConsentSuspended | None = None
    consent_resumed: ConsentResumed | None = None
    consent_ended: ConsentEnded | None = None
    person_erased: PersonErased | None = None
    need_recorded: NeedRecorded | None = None

    @property
    def fact(self) -> Any:
        """The data of the message that would say it."""
        return next(data for kind in _KINDS if (data := getattr(self, kind)) is not None)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        said = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(said) != 1:
            raise wrong_field(said[1] if said else _KINDS[0], "A fact is of one kind")
        if self.referral_recorded is not None and self.sequence is None:
            raise wrong_field("sequence", "A state of a referral is numbered")
        return self


@contract("facts.asked.v1", sent_by="hub", received_by="hub services", personal_data=False, about="rebuild_id")
class FactsAsked(Model):
    """A service that only reads asks another for some of its facts, in order to fill its own tables anew."""

    rebuild_id: UUID
    reader: ServiceName
    service: ServiceName
    """Who is asked; the others pass over it."""
    page: Annotated[int, Field(ge=1)]
    after: Place | None = None
    """How far the page before came; absent for the first."""
    begun_at: Said
    """When the reader began: what has happened later comes to it as it does to everybody."""


@contract("facts.said.v1", sent_by="hub", received_by="hub services", personal_data=True, about="rebuild_id")
class FactsSaid(Model):
    """A service says some of its facts again, to the reader that has asked; for every other they are no news."""

    rebuild_id: UUID
    reader: ServiceName
    service: ServiceName
    page: Annotated[int, Field(ge=1)]
    facts: Annotated[Several[FactSaid], Field(max_length=FACTS_AT_ONCE)] = ()
    after: Place | None = None
    """How far it has come; absent when that is all."""
    total: Annotated[int, Field(ge=0)] | None = None
    """With the first page: of how many things there are facts to say."""
