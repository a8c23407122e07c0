"""The services that organisations offer."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import CapacityState, DocumentType, Profile, Sex, Urgency, is_confidential
from .fields import (
    Code,
    HourMinute,
    Language,
    Model,
    Need,
    OrganisationId,
    Past,
    Planned,
    PublicText,
    Said,
    Several,
    Time,
    Zone,
    present,
    wrong_field,
)
from .registry import contract


@contract("service.published.v1", sent_by="partner", received_by="hub", personal_data=False, about="service_id")
class ServicePublishedV1(Model):
    """An organisation offers a service, changes what it says of it, or no longer offers it."""

    service_id: UUID
    name: PublicText
    need_codes: Annotated[Several[Need], Field(min_length=1, max_length=40)]
    active: bool
    """False: it takes no referrals."""
    zone: Zone
    """The municipality it serves."""


class Eligibility(Model):
    """Whom a service is for, as far as a machine can tell; what is absent is not asked."""

    minimum_age: Annotated[int, Field(ge=0, le=130)] | None = None
    maximum_age: Annotated[int, Field(ge=0, le=130)] | None = None
    sexes: Annotated[Several[Sex], Field(max_length=4)] = ()
    profiles: Annotated[Several[Profile], Field(max_length=4)] = ()
    nationalities: Annotated[Several[Annotated[str, Field(pattern="^[A-Z]{3}$")]], Field(max_length=50)] = ()
    documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()
    """Any one of these has to be held."""
    zones: Annotated[Several[Zone], Field(max_length=200)] = ()
    """The person has to live in one of these municipalities."""

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.minimum_age is not None and self.maximum_age is not None and self.minimum_age > self.maximum_age:
            raise wrong_field("maximum_age", "The greatest age is not below the least")
        return self


class Location(Model):
    """Where a service is given, for everybody to read; a confidential place is never said."""

    name: PublicText
    address: PublicText
    zone: Zone
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None


class OpeningHours(Model):
    """When a service is open, in local time."""

    days: Annotated[Several[Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]], Field(min_length=1, max_length=7)]
    """As iCalendar names weekdays."""
    opens: HourMinute
    closes: HourMinute


@contract("service.published.v2", sent_by="partner", received_by="hub", personal_data=False, about="service_id")
class ServicePublishedV2(Model):
    """An organisation offers a service, changes what it says of it, or no longer offers it."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"confidential_location": {"const": True}}, "required": ["confidential_location"]},
            "then": {"properties": {"locations": {"maxItems": 0}, "opening_hours": {"maxItems": 0}}},
        }
    )

    service_id: UUID
    name: PublicText
    need_codes: Annotated[Several[Need], Field(min_length=1, max_length=40)]
    active: bool
    """False: it takes no referrals."""
    zones: Annotated[Several[Zone], Field(min_length=1, max_length=200)]
    """The municipalities it serves."""
    description: Annotated[str, Field(min_length=1, max_length=2000, pattern="^[^\\x00]+$")] | None = None
    languages: Annotated[Several[Language], Field(max_length=20)] = ()
    eligibility: Eligibility = Eligibility()
    required_documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()
    locations: Annotated[Several[Location], Field(max_length=50)] = ()
    confidential_location: bool = False
    """The place is not to be known: no message carries it; exports leave out description and url as well."""
    public_location: bool = False
    """Everybody may know the place, though the service is for a confidential need: without this, no export shows it."""
    opening_hours: Annotated[Several[OpeningHours], Field(max_length=14)] = ()
    url: Annotated[str, Field(max_length=500, pattern="^https?://[^ \\x00-\\x1f]+$")] | None = None
    email: Annotated[str, Field(max_length=200, pattern="^[^@ \\x00-\\x1f]+@[^@ \\x00-\\x1f]+$")] | None = None
    phone: Annotated[str, Field(pattern="^[+][1-9][0-9]{6,14}$")] | None = None
    answered_by: Literal["organisation", "hub"] = "organisation"
    """Who answers its referrals: the organisation's own system, or the hub's employment service on its behalf."""

    @model_validator(mode="after")
    def _keeps_its_place_to_itself(self) -> Self:
        if self.confidential_location and (self.locations or self.opening_hours):
            raise wrong_field("locations", "A confidential location is never said")
        return self

    @property
    def hides_its_place(self) -> bool:
        """Whether nobody is to read where it is: by what is said, or by a confidential need where nothing is."""
        return self.confidential_location or (
            not self.public_location and any(is_confidential(one) for one in self.need_codes)
        )


ServicePublished = ServicePublishedV2


@contract("capacity.stated.v1", sent_by="partner", received_by="hub", personal_data=False, about="service_id")
class CapacityStated(Model):
    """An organisation says whether a service can take people on; when that expires, it is shown as stale."""

    service_id: UUID
    state: CapacityState
    waiting: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """How many are on the waiting list."""
    estimate_days: Annotated[int, Field(ge=0, le=730)] | None = None
    stated_at: Annotated[Time, Past("stated_in_the_future")]
    valid_until: Planned

    @model_validator(mode="after")
    def _expires_after_it_is_said(self) -> Self:
        if self.valid_until <= self.stated_at:
            raise wrong_field("valid_until", "A capacity expires after it is stated")
        return self


@contract("service.recorded.v1", sent_by="hub", received_by="hub services", personal_data=False, about="service_id")
class ServiceRecorded(Model):
    """A service as referrals knows it now: what the hub's screens call it, and whether it can take people on.

    Of two the one with the later `published_at` holds, and of two with the same the one with the later `stated_at`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"allOf": [present("capacity"), present("stated_at"), present("valid_until")]},
                {"not": {"anyOf": [present(one) for one in ("capacity", "waiting", "estimate_days", "stated_at",
                                                            "valid_until")]}},
            ]
        }
    )  # fmt: skip

    service_id: UUID
    organisation: OrganisationId
    """Who offers it."""
    name: PublicText
    need_codes: Annotated[Several[Need], Field(min_length=1, max_length=40)]
    active: bool
    """False: it takes no referrals."""
    zones: Annotated[Several[Zone], Field(max_length=200)] = ()
    """The municipalities it serves."""
    published_at: Said
    capacity: CapacityState | None = None
    """As its organisation stated it last; absent where it never has."""
    waiting: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    estimate_days: Annotated[int, Field(ge=0, le=730)] | None = None
    stated_at: Said | None = None
    valid_until: Planned | None = None
    """When that expires; then it is shown as stale."""

    @model_validator(mode="after")
    def _says_all_of_its_capacity_or_nothing(self) -> Self:
        if len({self.capacity is None, self.stated_at is None, self.valid_until is None}) > 1:
            raise wrong_field("capacity", "A capacity has a state, when it was stated, and until when it holds")
        if self.capacity is None and (self.waiting is not None or self.estimate_days is not None):
            raise wrong_field("capacity", "How many wait belongs to a capacity")
        return self


@contract("services.sought.v1", sent_by="partner", received_by="hub", personal_data=False, about="search_id")
class ServicesSought(Model):
    """An organisation asks who could meet a need; it says of the person only what eligibility asks for."""

    search_id: UUID
    need_code: Need
    urgency: Urgency
    zone: Zone
    """Where the person lives."""
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    sex: Sex | None = None
    profile: Profile | None = None
    nationality: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()
    language: Language | None = None


class RankedService(Model):
    """A service that offers what is needed, and why it stands where it stands."""

    organisation: OrganisationId
    service_id: UUID
    name: PublicText
    eligible: bool | None = None
    """None: the search did not say enough to tell."""
    not_met: Annotated[Several[Code], Field(max_length=9)] = ()
    """The criteria that the person does not meet: `age`, `sex`, `profile`, `nationality`, `documents`, `residence`."""
    unknown: Annotated[Several[Code], Field(max_length=9)] = ()
    """The criteria that the search did not say enough about."""
    capacity: CapacityState | None = None
    """None: never stated."""
    capacity_is_stale: bool = False
    """What was stated has expired."""
    waiting: Annotated[int, Field(ge=0)] | None = None
    """How many are on its waiting list."""
    estimate_days: Annotated[int, Field(ge=0)] | None = None
    answers_within_hours: Annotated[float, Field(ge=0)] | None = None
    """The median time from request to decision, of its last decisions."""
    decisions: Annotated[int, Field(ge=0)] = 0
    """How many decisions that is the median of."""
    in_zone: bool
    """Whether it serves the municipality where the person lives."""
    speaks_language: bool | None = None
    reasons: Annotated[Several[Code], Field(max_length=20)]
    """What counted, the weightiest first, such as `eligible`, `capacity_open`, `in_zone`, `answers_fast`."""


@contract("services.suggested.v1", sent_by="hub", received_by="whoever sent it", personal_data=False, about="search_id")
class ServicesSuggested(Model):
    """Who could meet the need, the best first; those that the person is not eligible for come last, and say so."""

    search_id: UUID
    services: Annotated[Several[RankedService], Field(max_length=50)]
