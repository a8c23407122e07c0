"""Invented referrals, in the messages in which the hub's services record them, as of the moment that stands still."""

import inspect
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import contracts
from contracts import Message, codes
from contracts.codes import ReferralState, ReminderAbout
from hub.console.service import ConsoleService
from messaging.runtime import Delivery, Runtime
from screens.frozen import NOW

NAMES: Final = UUID("01950000-0000-7000-8000-0000000000bb")
WAITS_FOR: Final = {
    "sent": ReminderAbout.RECEIPT,
    "received": ReminderAbout.DECISION,
    "info_requested": ReminderAbout.ANSWER,
    "completed": ReminderAbout.OUTCOME,
    "cancel_requested": ReminderAbout.CANCELLATION,
}
BY_SENDER: Final = {"sent", "closed", "cancel_requested"}
BY_HUB: Final = {"expired", "consent_withdrawn"}

CENTRE: Final = "barranquilla"
LATE, ASKED, DONE, ONWARD, SECOND = "late", "asked", "done", "redirected", "second"
NEW, VISIT, TO_CONFIRM, DECLINED, ELSEWHERE = "new", "visit", "confirm", "declined", "elsewhere"
ALSO_ELSEWHERE = "elsewhere too", "elsewhere as well"
NAMED, NAME_IN_DOUBT = ELSEWHERE, ALSO_ELSEWHERE[0]
"""Cases that states are about. Of the last two, the centre was told the person's name to coordinate; of the second of
them somebody says since that the person has taken that back."""
SAME_CODE: Final = ("filler 0", "filler 1")
"""Two that are made to have the same short code."""


def an_id(name: str) -> UUID:
    """The id of what is called so: the same each time."""
    return uuid5(NAMES, name)


def hours(ago: float) -> Any:
    """So many hours before now; of what is yet to come the number is negative."""
    return NOW - timedelta(hours=ago)


def referral(
    name: str,
    sender: str,
    recipient: str,
    need: str,
    *steps: tuple[str, float, dict[str, Any]],
    urgency: str = "normal",
) -> list[Message[Any]]:
    """What is recorded of a referral: its states, how many hours ago each was reached, and what was said with it."""
    told = []
    for number, (state, ago, more) in enumerate(steps, 1):
        by = sender if state in BY_SENDER else "hub" if state in BY_HUB else recipient
        fact = contracts.ReferralRecorded(
            **{
                "referral_id": an_id(name),
                "state": ReferralState(state),
                "changed_at": hours(ago),
                "changed_by": by,
                "sender": sender,
                "recipient": recipient,
                "service_id": an_id(f"service {recipient} {need}"),
                "person_id": an_id(f"person {name}"),
                "need_id": an_id(f"need {name}"),
                "need_code": need,
                "urgency": codes.Urgency(urgency),
                "sent_at": hours(steps[0][1]),
                "zone": "08001",
                "waits_for": WAITS_FOR.get(state),
                **({"due_at": hours(ago - 24)} if state in WAITS_FOR else {}),
                **more,
            }
        )
        told.append(_said(fact, number, ago))
    return told


def event(name: str, what: str, ago: float, by: str = "hub", state: str = "received", **more: Any) -> Message[Any]:
    """What has happened to a referral that moves it nowhere."""
    fact = contracts.ReferralNoted(
        referral_id=an_id(name), what=codes.ReferralEvent(what), noted_at=hours(ago), noted_by=by,
        state=ReferralState(state), **more,
    )  # fmt: skip
    return _said(fact, None, ago)


def triage(name: str, by: str, ago: float, urgency: str) -> Message[Any]:
    """Who has looked at the need of a referral, and how urgent they found it."""
    fact = contracts.NeedRecorded(
        need_id=an_id(f"need {name}"), person_id=an_id(f"person {name}"), organisation=by,
        need_code="health.consultation", urgency=codes.Urgency(urgency), identified_at=hours(ago), triaged_by=by,
        triaged_at=hours(ago),
    )  # fmt: skip
    return contracts.stamp(contracts.Draft(fact, str(fact.need_id)), source="hub", time=hours(ago))


def allowed(name: str, by: str, ago: float) -> Message[Any]:
    """That the person of a referral lets the centre know their name."""
    fact = contracts.ConsentRecorded(
        consent_id=naming_id(name), person_id=an_id(f"person {name}"), granted_to=by,
        purposes=(codes.ConsentPurpose.COORDINATE,), recipients=(CENTRE,),
        field_groups=(codes.FieldGroup.IDENTITY,), valid_from=hours(ago), given_by=codes.ConsentGivenBy.PERSON,
        manner=codes.ConsentManner.SIGNED, language="es",
    )  # fmt: skip
    return contracts.stamp(contracts.Draft(fact, str(fact.consent_id)), source="hub", time=hours(ago))


def doubted(name: str, ago: float) -> Message[Any]:
    """That somebody says that they have taken it back."""
    fact = contracts.ConsentSuspended(consent_id=naming_id(name), suspended_at=hours(ago))
    return contracts.stamp(contracts.Draft(fact, str(fact.consent_id)), source="hub", time=hours(ago))


def naming_id(name: str) -> UUID:
    """The consent under which the centre was told the name of a referral's person."""
    return an_id(f"consent to the name of {name}")


def _said(fact: Any, number: int | None, ago: float) -> Message[Any]:
    draft = contracts.Draft(fact, str(fact.referral_id), sequence=number)
    return contracts.stamp(draft, source="hub", time=hours(ago))


def messages() -> Sequence[Message[Any]]:
    """All of them."""
    asked = {"topic": codes.InfoTopic.DOCUMENTS, "missing_documents": (codes.DocumentType.PT, codes.DocumentType.CE)}
    visit = {"visit_at": hours(-6.3), "mode": codes.VisitMode.AT_PROVIDER}
    late = {"due_at": hours(25), "next_step": codes.DeadlineStep.EXPIRE, "next_step_at": hours(-23.8)}
    told = [
        *referral(LATE, "redcross", "iom", "health.consultation",
                  ("sent", 74, {"reason_code": codes.ReferralReason.SPECIALISED_CARE}), ("received", 49, late),
                  urgency="urgent"),
        triage(LATE, "redcross", 75, "urgent"),
        event(LATE, "reminded", 25),
        event(LATE, "escalated", 13, next_step=codes.DeadlineStep.EXPIRE, next_step_at=hours(-23.8)),
        event(LATE, "taken_on", 1.4, "barranquilla"),
        event(LATE, "chased", 1.2, "barranquilla", organisation="iom", means=codes.ChaseMeans.TELEPHONE,
              result=codes.ChaseResult.WILL_ANSWER, chased_at=hours(1.3)),
        *referral(ASKED, "iom", "americares", "health.maternal",
                  ("sent", 27, {}), ("received", 26, {}), ("info_requested", 3, asked)),
        *referral("emergency", "redcross", "iom", "shelter.temporary",
                  ("sent", 0.5, {"due_at": hours(-1.5)}), urgency="emergency"),
        *referral(NEW, "fuvadis", "iom", "food_security.voucher", ("sent", 2, {"answer_by": hours(-166)})),
        *referral("today", "americares", "iom", "protection.regularisation",
                  ("sent", 21, {}), ("received", 20, {"due_at": hours(-4)})),
        *referral(VISIT, "fuvadis", "iom", "health.vaccination",
                  ("sent", 52, {}), ("received", 50, {}), ("accepted", 31, {}), ("scheduled", 30, visit)),
        *referral(TO_CONFIRM, "iom", "fuvadis", "education.school_supplies",
                  ("sent", 120, {}), ("received", 119, {}), ("accepted", 100, {}),
                  ("completed", 5, {"outcome": codes.Outcome.NEED_MET, "due_at": hours(-67)})),
        *referral(ELSEWHERE, "redcross", "americares", "health.medicines",
                  ("sent", 60, {}), ("received", 58, {"due_at": hours(10)})),
        *referral("elsewhere too", "redcross", "americares", "health.psychosocial",
                  ("sent", 82, {}), ("received", 81, {"due_at": hours(31)})),
        *referral("elsewhere as well", "iom", "americares", "health.vaccination",
                  ("sent", 64, {}), ("received", 63, {"due_at": hours(14)})),
        event("elsewhere as well", "chased", 2, "barranquilla", organisation="americares",
              means=codes.ChaseMeans.TELEPHONE, result=codes.ChaseResult.NEEDS_TIME, chased_at=hours(2.1)),
        *referral(ONWARD, "redcross", "americares", "integration.employment",
                  ("sent", 150, {}), ("received", 149, {}), ("redirected", 130, {"new_referral_id": an_id(SECOND)})),
        *referral(SECOND, "redcross", "oportunidades", "integration.employment",
                  ("sent", 130, {"redirected_from": an_id(ONWARD), "person_id": an_id(f"person {ONWARD}")}),
                  ("received", 128, {"redirected_from": an_id(ONWARD), "person_id": an_id(f"person {ONWARD}")}),
                  ("accepted", 101, {"redirected_from": an_id(ONWARD), "person_id": an_id(f"person {ONWARD}")})),
        *referral(DECLINED, "fuvadis", "redcross", "shelter.rent",
                  ("sent", 98, {}), ("received", 97, {}),
                  ("declined", 90, {"decline_reason": codes.DeclineReason.NOT_ELIGIBLE,
                                    "criterion": codes.EligibilityCriterion.RESIDENCE})),
        *referral("waiting", "fuvadis", "barranquilla", "integration.entrepreneurship",
                  ("sent", 200, {}), ("received", 199, {}),
                  ("waitlisted", 170, {"place_in_line": 14, "estimate_days": 21})),
        *referral(DONE, "iom", "redcross", "wash.hygiene_kit",
                  ("sent", 400, {}), ("received", 399, {}), ("accepted", 390, {}), ("in_service", 380, {}),
                  ("completed", 370, {"outcome": codes.Outcome.PARTLY_MET}), ("closed", 300, {})),
        *referral("to cancel", "fuvadis", "iom", "integration.employment",
                  ("sent", 90, {}), ("received", 89, {}), ("accepted", 80, {}),
                  ("cancel_requested", 6, {"cancel_reason": codes.CancelReason.SAFETY, "due_at": hours(-66)})),
        *referral("to delete", "redcross", "iom", "food_security.voucher",
                  ("sent", 130, {}), ("received", 129, {}), ("consent_withdrawn", 40, {})),
        event("to delete", "purge_owed", 40, state="consent_withdrawn", awaited=("iom",),
              waits_for=ReminderAbout.PURGE, purge_by=hours(40 - 15 * 24)),
        *referral("not deleted", "redcross", "americares", "shelter.rent",
                  ("sent", 500, {}), ("received", 499, {}), ("consent_withdrawn", 400, {})),
        event("not deleted", "purge_owed", 400, state="consent_withdrawn", awaited=("redcross", "americares"),
              waits_for=ReminderAbout.PURGE, purge_by=hours(40)),
        event("not deleted", "purged", 390, "redcross", state="consent_withdrawn", awaited=("americares",),
              waits_for=ReminderAbout.PURGE, purge_by=hours(40)),
        event("not deleted", "escalated", 40, state="consent_withdrawn", awaited=("americares",),
              waits_for=ReminderAbout.PURGE, purge_by=hours(40)),
        allowed(NAMED, "redcross", 60),
        allowed(NAME_IN_DOUBT, "redcross", 82),
        doubted(NAME_IN_DOUBT, 1),
    ]  # fmt: skip
    needs = ("food_security.food_basket", "protection.legal_advice", "health.psychosocial", "education.training")
    for number in range(14):
        at = 500 + 31 * number
        told += referral(
            f"filler {number}", ("redcross", "fuvadis")[number % 2], ("americares", "iom")[number // 2 % 2],
            needs[number % 4], ("sent", at, {}), ("received", at - 1, {}), ("expired", at - 30, {}),
        )  # fmt: skip
    return told


def fill(url: str, told: Sequence[Message[Any]]) -> None:
    """Let the console's read service have them, as the network's runtime does."""
    handlers = {
        method.handles: method
        for _, method in inspect.getmembers(ConsoleService, inspect.isfunction)
        if hasattr(method, "handles")
    }
    runtime = Runtime("console", url, handlers)
    try:
        runtime.apply(
            ConsoleService(), [Delivery(tag, one.to_json(), redelivered=False) for tag, one in enumerate(told, 1)]
        )
    finally:
        runtime.close()
