"""One canonical employer, vacancy, participant, candidate and entrepreneur, as messages, with keyword overrides."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import contracts
from contracts import codes
from tests.examples import ANOTHER, NOW, PERSON_ID, REFERRAL_ID, SENDER, referral_requested

OURS = "barranquilla"  # the organisation whose employer, participant and entrepreneur they are
DAY = timedelta(days=1)

EMPLOYER_ID = UUID("01950000-0000-7000-8000-000000000101")
AGREEMENT_ID = UUID("01950000-0000-7000-8000-000000000102")
VACANCY_ID = UUID("01950000-0000-7000-8000-000000000103")
PARTICIPATION_ID = UUID("01950000-0000-7000-8000-000000000104")
DELIVERY_ID = UUID("01950000-0000-7000-8000-000000000105")
CANDIDACY_ID = UUID("01950000-0000-7000-8000-000000000106")
ENTREPRENEUR_ID = UUID("01950000-0000-7000-8000-000000000107")
SESSION_ID = UUID("01950000-0000-7000-8000-000000000108")
GRANT_ID = UUID("01950000-0000-7000-8000-000000000109")

PILOT = "employment_pilot"
CV, GUIDANCE, TRAINING, SHORTLISTED = codes.EmployabilityStep
STARTS_ON = date(2026, 3, 16)
A_LIFE = 110 * DAY  # all that these examples tell of happens within


def long_ago(data: Any) -> Any:
    """The same so much earlier that by NOW all of it has happened: what is still to come, the runtime refuses."""
    moments = {name: value for name, value in dict(data).items() if isinstance(value, date | datetime)}
    return data.model_copy(update={name: value - A_LIFE for name, value in moments.items()})


def employer_registered(**overrides: Any) -> contracts.EmployerRegistered:
    return contracts.EmployerRegistered(
        **{
            "employer_id": EMPLOYER_ID,
            "registered_at": NOW,
            "name": "Panadería La Espiga Dorada",
            "economic_sector": "food_and_drink",
            "zone": "08001",
            **overrides,
        }
    )


def agreement_signed(**overrides: Any) -> contracts.EmployerAgreementSigned:
    return contracts.EmployerAgreementSigned(
        **{
            "agreement_id": AGREEMENT_ID,
            "employer_id": EMPLOYER_ID,
            "programme": PILOT,
            "signed_on": NOW.date(),
            **overrides,
        }
    )


def vacancy_opened(**overrides: Any) -> contracts.VacancyOpened:
    return contracts.VacancyOpened(
        **{
            "vacancy_id": VACANCY_ID,
            "employer_id": EMPLOYER_ID,
            "title": "Auxiliar de panadería",
            "occupation": "7512",
            "places": 1,
            "zone": "08001",
            "contract_offered": codes.JobContract.FIXED_TERM,
            "opened_at": NOW,
            **overrides,
        }
    )


def vacancy_closed(**overrides: Any) -> contracts.VacancyClosed:
    return contracts.VacancyClosed(**{"vacancy_id": VACANCY_ID, "closed_at": NOW + 10 * DAY, **overrides})


def participation_started(**overrides: Any) -> contracts.ParticipationStarted:
    return contracts.ParticipationStarted(
        **{
            "participation_id": PARTICIPATION_ID,
            "person_id": PERSON_ID,
            "programme": PILOT,
            "started_at": NOW,
            **overrides,
        }
    )


def step_taken(step: codes.EmployabilityStep, **overrides: Any) -> contracts.ParticipationStepTaken:
    return contracts.ParticipationStepTaken(
        **{"participation_id": PARTICIPATION_ID, "step": step, "taken_at": NOW + DAY, **overrides}
    )


def service_received(**overrides: Any) -> contracts.ParticipationServiceReceived:
    return contracts.ParticipationServiceReceived(
        **{
            "participation_id": PARTICIPATION_ID,
            "delivery_id": DELIVERY_ID,
            "need_code": "health.psychosocial",
            "delivered_by": ANOTHER,
            "delivered_at": NOW + DAY,
            "zone": "08001",
            **overrides,
        }
    )


def participation_ended(**overrides: Any) -> contracts.ParticipationEnded:
    return contracts.ParticipationEnded(
        **{"participation_id": PARTICIPATION_ID, "completed": True, "ended_at": NOW + 60 * DAY, **overrides}
    )


def participation_struck_out(**overrides: Any) -> contracts.ParticipationStruckOut:
    return contracts.ParticipationStruckOut(
        **{"participation_id": PARTICIPATION_ID, "reason": codes.StrikeReason.DUPLICATE, **overrides}
    )


def put_forward(**overrides: Any) -> contracts.CandidacyPutForward:
    return contracts.CandidacyPutForward(
        **{
            "candidacy_id": CANDIDACY_ID,
            "participation_id": PARTICIPATION_ID,
            "vacancy_id": VACANCY_ID,
            "put_forward_at": NOW + 2 * DAY,
            **overrides,
        }
    )


def interviewed(**overrides: Any) -> contracts.CandidacyInterviewed:
    return contracts.CandidacyInterviewed(
        **{"candidacy_id": CANDIDACY_ID, "interviewed_at": NOW + 3 * DAY, **overrides}
    )


def rejected(**overrides: Any) -> contracts.CandidacyRejected:
    return contracts.CandidacyRejected(
        **{"candidacy_id": CANDIDACY_ID, "by_employer": True, "rejected_at": NOW + 4 * DAY, **overrides}
    )


def placed(**overrides: Any) -> contracts.CandidacyPlaced:
    return contracts.CandidacyPlaced(
        **{
            "candidacy_id": CANDIDACY_ID,
            "starts_on": STARTS_ON,
            "contract_signed": codes.JobContract.FIXED_TERM,
            **overrides,
        }
    )


def followed_up(**overrides: Any) -> contracts.PlacementFollowedUp:
    return contracts.PlacementFollowedUp(
        **{
            "candidacy_id": CANDIDACY_ID,
            "day": 30,
            "result": codes.FollowUpResult.STILL_EMPLOYED,
            "followed_up_at": NOW + 44 * DAY,
            **overrides,
        }
    )


def enrolled(**overrides: Any) -> contracts.EntrepreneurEnrolled:
    return contracts.EntrepreneurEnrolled(
        **{
            "entrepreneur_id": ENTREPRENEUR_ID,
            "person_id": PERSON_ID,
            "business": "tailoring",
            "zone": "08001",
            "enrolled_at": NOW,
            **overrides,
        }
    )


def mentor_assigned(**overrides: Any) -> contracts.EntrepreneurMentorAssigned:
    return contracts.EntrepreneurMentorAssigned(
        **{"entrepreneur_id": ENTREPRENEUR_ID, "mentor": "M-07", "assigned_at": NOW + DAY, **overrides}
    )


def session_held(**overrides: Any) -> contracts.EntrepreneurSessionHeld:
    return contracts.EntrepreneurSessionHeld(
        **{
            "entrepreneur_id": ENTREPRENEUR_ID,
            "session_id": SESSION_ID,
            "held_at": NOW + 2 * DAY,
            "minutes": 60,
            **overrides,
        }
    )


def plan_approved(**overrides: Any) -> contracts.EntrepreneurPlanApproved:
    return contracts.EntrepreneurPlanApproved(
        **{"entrepreneur_id": ENTREPRENEUR_ID, "approved_at": NOW + 30 * DAY, **overrides}
    )


def capital_granted(**overrides: Any) -> contracts.EntrepreneurCapitalGranted:
    return contracts.EntrepreneurCapitalGranted(
        **{
            "entrepreneur_id": ENTREPRENEUR_ID,
            "grant_id": GRANT_ID,
            "pesos": 2_500_000,
            "granted_at": NOW + 40 * DAY,
            **overrides,
        }
    )


def formalised(**overrides: Any) -> contracts.EntrepreneurFormalised:
    return contracts.EntrepreneurFormalised(
        **{"entrepreneur_id": ENTREPRENEUR_ID, "formalised_on": (NOW + 50 * DAY).date(), **overrides}
    )


def business_followed_up(**overrides: Any) -> contracts.EntrepreneurFollowedUp:
    return contracts.EntrepreneurFollowedUp(
        **{
            "entrepreneur_id": ENTREPRENEUR_ID,
            "followed_up_at": NOW + 90 * DAY,
            "trading": True,
            "jobs": 2,
            **overrides,
        }
    )


def entrepreneur_left(**overrides: Any) -> contracts.EntrepreneurLeft:
    return contracts.EntrepreneurLeft(
        **{
            "entrepreneur_id": ENTREPRENEUR_ID,
            "reason": codes.LeaveReason.MOVED_AWAY,
            "left_at": NOW + 100 * DAY,
            **overrides,
        }
    )


def entrepreneur_struck_out(**overrides: Any) -> contracts.EntrepreneurStruckOut:
    return contracts.EntrepreneurStruckOut(
        **{"entrepreneur_id": ENTREPRENEUR_ID, "reason": codes.StrikeReason.WRONG_PERSON, **overrides}
    )


# ---------------------------------------------------------------------------------------------------------------------
# As the hub says it
# ---------------------------------------------------------------------------------------------------------------------


def referral_offered(*, referral_id: UUID = REFERRAL_ID, **asked: Any) -> contracts.ReferralOffered:
    """The offer of a referral to us, for work unless something else is asked for."""
    request = {"referral_id": referral_id, "recipient": OURS, "need_code": "integration.employment", **asked}
    return contracts.ReferralOffered(
        referral_id=referral_id,
        sender=SENDER,
        receive_by=NOW + DAY,
        answer_by=NOW + 14 * DAY,
        request=referral_requested(**request),
    )


def referral_status(state: str, **overrides: Any) -> contracts.ReferralStatus:
    return contracts.ReferralStatus(
        **{
            "referral_id": REFERRAL_ID,
            "state": codes.ReferralState(state),
            "changed_at": NOW,
            "changed_by": SENDER,
            "sender": SENDER,
            "recipient": OURS,
            "service_id": referral_requested().service_id,
            **overrides,
        }
    )


def purge_reminder(**overrides: Any) -> contracts.ReferralReminder:
    return contracts.ReferralReminder(
        **{
            "referral_id": REFERRAL_ID,
            "state": codes.ReferralState.CLOSED,
            "waits_for": codes.ReminderAbout.PURGE,
            "due_at": NOW + 15 * DAY,
            **overrides,
        }
    )
