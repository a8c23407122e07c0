"""Facts, as the messages say them and as the tables keep them."""

from typing import Any
from uuid import UUID, uuid5

import contracts
from contracts import Message
from hub.reports import rules

Row = dict[str, Any]

CASES = UUID("6f1c2f0e-5f0b-5c0e-9a3b-0d5b8c1e7a42")
"""Namespace of the ids that stand for case codes; a code means nothing outside the organisation that made it up."""


def profile(message: Message[contracts.PersonProfiled]) -> Row:
    said = message.data
    return {
        "person_id": said.person_id,
        "organisation": said.organisation,
        "registered_at": said.registered_at,
        "sex": said.sex,
        "birth_year": said.birth_year,
    }


def erasure(message: Message[contracts.PersonErased]) -> Row:
    return {"person_id": message.data.person_id, "erased_at": message.data.erased_at}


def identity(message: Message[contracts.PersonIdentified]) -> Row:
    said = message.data
    return {"network_id": said.network_id, "person_ids": list(said.person_ids), "message_id": message.id}


def etpv_step(message: Message[contracts.EtpvStepRecorded]) -> Row:
    return _fact(message, "step_id", "person_id", "step", "taken_at", "jornada_id", "organisation")


def step_unrecorded(message: Message[contracts.EtpvStepUnrecorded]) -> Row:
    return {"step_id": message.data.step_id}


def jornada(message: Message[contracts.JornadaRecorded]) -> Row:
    said = message.data
    partners = {contribution.organisation for contribution in said.contributions}
    row = _fact(message, "jornada_id", "organiser", "state", "kind", "name", "starts_at")
    return row | {"organisations": sorted({said.organiser, *partners})}


def attendance(message: Message[contracts.AttendanceCounted]) -> Row:
    return _fact(message, "attendance_id", "jornada_id", "person_id", "present", "recorded_by")


def delivery(message: Message[contracts.ServiceDelivered]) -> Row:
    said = message.data
    row = _fact(message, "delivery_id", "need_code", "delivered_at", "delivered_by", "zone", "jornada_id", "programme")
    row["person_id"] = said.person_id or _case(message.source, said.case_code)
    return row


def known_case(said: contracts.ConsentRecorded) -> Row:
    """The id that stands for a confidential case of which intake holds a consent."""
    return {"consent_id": said.consent_id, "person_id": _case(said.granted_to, said.case_code)}


def _case(organisation: str, case_code: str | None) -> UUID:
    return uuid5(CASES, f"{organisation} {case_code}")


def struck_out(message: Message[contracts.ServiceDeliveryStruckOut]) -> Row:
    return {"delivery_id": message.data.delivery_id, "said_by": message.source}


def need(message: Message[contracts.NeedRecorded]) -> Row:
    row = _fact(message, "need_id", "person_id", "need_code", "identified_at")
    return row | {"zone": rules.zone_if_known(message.data.zone)}


def referral(message: Message[contracts.ReferralRecorded]) -> Row:
    return _fact(
        message,
        "referral_id",
        "state",
        "recipient",
        "person_id",
        "need_id",
        "need_code",
        "urgency",
        "sent_at",
        "answer_by",
        "zone",
        "outcome",
    )


def referral_step(message: Message[contracts.ReferralRecorded]) -> Row:
    return _fact(message, "referral_id", "state", "changed_at")


def escalation(said: contracts.ReferralNoted) -> Row:
    return {"referral_id": said.referral_id, "noted_at": said.noted_at}


def absences(said: contracts.ConsoleWasAway) -> list[Row]:
    """A row for each organisation that the console was away from."""
    return [{"organisation": one, "began_at": said.began_at, "ended_at": said.ended_at} for one in said.organisations]


def employer(message: Message[contracts.EmployerRecorded]) -> Row:
    return _fact(message, "employer_id", "programmes")


def participation(message: Message[contracts.ParticipationRecorded]) -> Row:
    return _fact(message, "participation_id", "person_id", "organisation", "programme", "state")


def placement(message: Message[contracts.PlacementRecorded]) -> Row:
    return _fact(message, "candidacy_id", "person_id", "starts_on")


def entrepreneur(message: Message[contracts.EntrepreneurRecorded]) -> Row:
    return _fact(message, "entrepreneur_id", "person_id", "organisation", "stage", "mentored")


def route(message: Message[contracts.RouteRecorded]) -> Row:
    return _fact(message, "route_id", "household_id", "state")


def service(message: Message[contracts.ServicePublished]) -> Row:
    return _fact(message, "service_id", "need_codes", "zones", "active") | {"published_at": message.time}


def _fact(message: Message[Any], *fields: str) -> Row:
    """Take these fields of what was said, with who said it, and its place among what was said of the same thing."""
    place = {"message_id": message.id} if message.sequence is None else {"sequence": message.sequence}
    return {"said_by": message.source, **place, **{field: getattr(message.data, field) for field in fields}}
