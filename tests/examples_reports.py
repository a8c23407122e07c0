"""Facts as the hub's services record them, of invented people, each with keyword overrides."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

import contracts
from contracts import Message, codes

NAMES = UUID("01950000-0000-7000-8000-0000000000aa")
HELD_AT = datetime(2021, 5, 15, 14, 0, tzinfo=UTC)  # a Saturday morning in Barranquilla


def an_id(name: object) -> UUID:
    """The id that a test knows something by: the same name, the same id."""
    return uuid5(NAMES, str(name))


def says(data: Any, *, source: str = "hub", number: int = 1, time: datetime = HELD_AT) -> Message[Any]:
    """The message in which a service of the hub, or an organisation, says `data`; later messages have later ids."""
    contract = contracts.contract_of(data)
    assert contract.about is not None
    draft = contracts.Draft(data, str(getattr(data, contract.about)), sequence=number if contract.numbered else None)
    return contracts.stamp(draft, source=source, time=time)


def profiled(person: object, **overrides: Any) -> contracts.PersonProfiled:
    return contracts.PersonProfiled(
        **{
            "person_id": an_id(person),
            "organisation": "redcross",
            "registered_at": HELD_AT,
            "birth_year": 1991,
            "sex": codes.Sex.FEMALE,
            **overrides,
        }
    )


def identified(network: object, *people: object) -> contracts.PersonIdentified:
    return contracts.PersonIdentified(network_id=an_id(network), person_ids=tuple(an_id(person) for person in people))


def erased(person: object) -> contracts.PersonErased:
    return contracts.PersonErased(person_id=an_id(person), erased_at=HELD_AT)


def a_case(**overrides: Any) -> contracts.ConsentRecorded:
    """A consent that intake holds of a confidential case."""
    return contracts.ConsentRecorded(
        **{
            "consent_id": an_id("a consent"),
            "case_code": "GBV-0001",
            "granted_to": "redcross",
            "purposes": (codes.ConsentPurpose.REFER,),
            "recipients": ("iom",),
            "field_groups": (codes.FieldGroup.CONTACT,),
            "valid_from": HELD_AT,
            **overrides,
        }
    )


def stepped(person: object, step: str = "pre_registration", **overrides: Any) -> contracts.EtpvStepRecorded:
    return contracts.EtpvStepRecorded(
        **{
            "step_id": an_id(("step", person, step)),
            "person_id": an_id(person),
            "step": codes.EtpvStep(step),
            "taken_at": HELD_AT,
            "organisation": "redcross",
            **overrides,
        }
    )


def unrecorded(person: object, step: str = "pre_registration") -> contracts.EtpvStepUnrecorded:
    return contracts.EtpvStepUnrecorded(step_id=an_id(("step", person, step)), person_id=an_id(person))


def jornada(name: object, kind: str = "etpv_registration", **overrides: Any) -> contracts.JornadaRecorded:
    return contracts.JornadaRecorded(
        **{
            "jornada_id": an_id(name),
            "organiser": "barranquilla",
            "state": codes.JornadaState.REPORTED,
            "changed_at": HELD_AT,
            "kind": codes.JornadaKind(kind),
            "name": str(name),
            "zone": "08001",
            "place": "Parque de la Esperanza",
            "contributions": (contracts.Contribution(organisation="redcross", brings=()),),
            "starts_at": HELD_AT,
            "ends_at": HELD_AT.replace(hour=20),
            **overrides,
        }
    )


def attended(person: object, at: object, **overrides: Any) -> contracts.AttendanceCounted:
    return contracts.AttendanceCounted(
        **{
            "attendance_id": an_id(("attendance", person, at)),
            "jornada_id": an_id(at),
            "organiser": "barranquilla",
            "person_id": an_id(person),
            "present": True,
            "present_at": HELD_AT,
            "recorded_by": "redcross",
            **overrides,
        }
    )


def delivered(person: object, need: str = "health.consultation", **overrides: Any) -> contracts.ServiceDelivered:
    return contracts.ServiceDelivered(
        **{
            "delivery_id": an_id(("delivery", person, need)),
            "person_id": an_id(person),
            "need_code": need,
            "delivered_at": HELD_AT,
            "delivered_by": "redcross",
            "zone": "08001",
            **overrides,
        }
    )


def struck_out(person: object, need: str = "health.consultation") -> contracts.ServiceDeliveryStruckOut:
    return contracts.ServiceDeliveryStruckOut(
        delivery_id=an_id(("delivery", person, need)), reason=codes.StrikeReason.DUPLICATE
    )


def in_need(person: object, need: str = "health.consultation", **overrides: Any) -> contracts.NeedRecorded:
    return contracts.NeedRecorded(
        **{
            "need_id": an_id(("need", person, need)),
            "person_id": an_id(person),
            "organisation": "redcross",
            "need_code": need,
            "urgency": codes.Urgency.NORMAL,
            "identified_at": HELD_AT,
            "zone": "08001",
            **overrides,
        }
    )


def referred(
    person: object, state: str = "sent", need: str = "health.consultation", **overrides: Any
) -> contracts.ReferralRecorded:
    return contracts.ReferralRecorded(
        **{
            "referral_id": an_id(("referral", person, need)),
            "state": codes.ReferralState(state),
            "changed_at": HELD_AT,
            "changed_by": "iom",
            "sender": "redcross",
            "recipient": "iom",
            "service_id": an_id("a service"),
            "person_id": an_id(person),
            "need_id": an_id(("need", person, need)),
            "need_code": need,
            "urgency": codes.Urgency.NORMAL,
            "sent_at": HELD_AT,
            "zone": "08001",
            **overrides,
        }
    )


def service_recorded(name: str = "Consulta médica", **overrides: Any) -> contracts.ServiceRecorded:
    """The service that `referred` asks for."""
    return contracts.ServiceRecorded(
        **{
            "service_id": an_id("a service"),
            "organisation": "iom",
            "name": name,
            "need_codes": ("health.consultation",),
            "active": True,
            "zones": ("08001",),
            "published_at": HELD_AT,
            **overrides,
        }
    )


def consent_recorded(person: object, **overrides: Any) -> contracts.ConsentRecorded:
    """A consent of somebody, to be referred from the Red Cross to IOM."""
    return contracts.ConsentRecorded(
        **{
            "consent_id": an_id(("consent", person)),
            "person_id": an_id(person),
            "granted_to": "redcross",
            "purposes": (codes.ConsentPurpose.REFER,),
            "recipients": ("iom",),
            "field_groups": (codes.FieldGroup.CONTACT,),
            "valid_from": HELD_AT,
            "given_by": codes.ConsentGivenBy.PERSON,
            "manner": codes.ConsentManner.SIGNED,
            "language": "es",
            **overrides,
        }
    )


def consent_ended(person: object, **overrides: Any) -> contracts.ConsentEnded:
    """Taken back, by the person, at FUVADIS."""
    return contracts.ConsentEnded(
        **{
            "consent_id": an_id(("consent", person)),
            "reason": codes.ConsentEnd.WITHDRAWN,
            "ended_at": HELD_AT,
            "withdrawn_by": codes.ConsentGivenBy.PERSON,
            "manner": codes.ConsentManner.SPOKEN_AND_WITNESSED,
            "withdrawn_at": HELD_AT,
            "withdrawn_through": "fuvadis",
            **overrides,
        }
    )


def noted(
    person: object, what: str = "escalated", state: str = "received", **overrides: Any
) -> contracts.ReferralNoted:
    return contracts.ReferralNoted(
        **{
            "referral_id": an_id(("referral", person, "health.consultation")),
            "what": codes.ReferralEvent(what),
            "noted_at": HELD_AT,
            "noted_by": "hub",
            "state": codes.ReferralState(state),
            **overrides,
        }
    )


def employer(name: object, **overrides: Any) -> contracts.EmployerRecorded:
    return contracts.EmployerRecorded(
        **{
            "employer_id": an_id(name),
            "organisation": "barranquilla",
            "economic_sector": "retail",
            "zone": "08001",
            "programmes": ("employment_pilot",),
            **overrides,
        }
    )


def participation(person: object, **overrides: Any) -> contracts.ParticipationRecorded:
    return contracts.ParticipationRecorded(
        **{
            "participation_id": an_id(("participation", person)),
            "person_id": an_id(person),
            "organisation": "barranquilla",
            "programme": "employment_pilot",
            "state": codes.ParticipationState.ENROLLED,
            "started_at": HELD_AT,
            "placed": False,
            **overrides,
        }
    )


def placement(person: object, **overrides: Any) -> contracts.PlacementRecorded:
    return contracts.PlacementRecorded(
        **{
            "candidacy_id": an_id(("candidacy", person)),
            "participation_id": an_id(("participation", person)),
            "person_id": an_id(person),
            "organisation": "barranquilla",
            "programme": "employment_pilot",
            "employer_id": an_id("an employer"),
            "starts_on": date(2021, 6, 1),
            **overrides,
        }
    )


def entrepreneur(person: object, **overrides: Any) -> contracts.EntrepreneurRecorded:
    return contracts.EntrepreneurRecorded(
        **{
            "entrepreneur_id": an_id(("entrepreneur", person)),
            "person_id": an_id(person),
            "organisation": "oportunidades",
            "zone": "08001",
            "stage": codes.EntrepreneurStage.MENTORED,
            "mentored": True,
            "enrolled_at": HELD_AT,
            **overrides,
        }
    )


def route(household: object, **overrides: Any) -> contracts.RouteRecorded:
    return contracts.RouteRecorded(
        **{
            "route_id": an_id(("route", household)),
            "household_id": an_id(household),
            "rule_id": an_id("the rule"),
            "organisation": "barranquilla",
            "state": codes.RouteState.GRADUATED,
            "changed_at": HELD_AT,
            **overrides,
        }
    )


def published(service: object, **overrides: Any) -> contracts.ServicePublished:
    return contracts.ServicePublished(
        **{
            "service_id": an_id(service),
            "name": "Consulta médica general",
            "need_codes": ("health.consultation",),
            "active": True,
            "zones": ("08001",),
            **overrides,
        }
    )
