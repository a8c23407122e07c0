"""Facts, as the messages say them and as the tables keep them."""

from collections.abc import Iterator
from typing import Any, Final

import contracts
from contracts import Draft, Message, uuid7
from contracts.codes import ReminderAbout, is_confidential
from contracts.deadlines import PURGE_WITHIN
from contracts.presence import AWAY_FROM_AT_MOST
from messaging.identity import HUB
from messaging.rebuilding import Ask

Row = dict[str, Any]

# What a step's details leave out: it stands in columns, or is the same in every step.
OF_THE_REFERRAL: Final = frozenset(
    {
        "referral_id", "state", "changed_at", "changed_by", "sender", "recipient", "service_id", "person_id", "need_id",
        "need_code", "urgency", "sent_at", "zone", "confidential",
    }
)  # fmt: skip
OF_THE_EVENT: Final = frozenset({"referral_id", "what", "noted_at", "noted_by", "confidential"})


# Whose move a referral waits for; a purge is owed by whoever holds something, as `referral.noted` says.
WAITS_ON: Final = {
    ReminderAbout.RECEIPT: "recipient",
    ReminderAbout.DECISION: "recipient",
    ReminderAbout.CANCELLATION: "recipient",
    ReminderAbout.ANSWER: "sender",
    ReminderAbout.OUTCOME: "sender",
}


def is_shown(said: contracts.ReferralRecorded) -> bool:
    """Whether the console may know of a referral at all."""
    # Before cases under a code were marked, they alone were told without a person.
    return said.person_id is not None and not (said.confidential or is_confidential(said.need_code))


def referral(message: Message[contracts.ReferralRecorded]) -> Row:
    said = message.data
    party = WAITS_ON.get(said.waits_for) if said.waits_for else None
    return {
        "referral_id": said.referral_id,
        "sequence": message.sequence,
        "short_code": contracts.short_code(said.referral_id),
        "state": said.state,
        "changed_at": said.changed_at,
        "changed_by": said.changed_by,
        "sender": said.sender,
        "recipient": said.recipient,
        "service_id": said.service_id,
        "person_id": said.person_id,
        "need_id": said.need_id,
        "need_code": said.need_code,
        "urgency": said.urgency,
        "sent_at": said.sent_at,
        "due_at": said.due_at,
        "waits_for": said.waits_for,
        "waits_on": getattr(said, party) if party else None,
        "visit_at": said.visit_at,
    }


def step(message: Message[contracts.ReferralRecorded]) -> Row:
    said = message.data
    return {
        "referral_id": said.referral_id,
        "sequence": message.sequence,
        "state": said.state,
        "changed_at": said.changed_at,
        "changed_by": said.changed_by,
        "details": said.model_dump(mode="json", exclude_none=True, exclude=set(OF_THE_REFERRAL)),
    }


def is_the_hubs_delay(step: Row) -> bool:
    """Whether the hub has given more time by this step, because its console was away."""
    return step["changed_by"] == HUB and "extension_reason" in step["details"]


def event(message: Message[contracts.ReferralNoted]) -> Row:
    said = message.data
    return {
        "referral_id": said.referral_id,
        "what": said.what,
        "noted_at": said.noted_at,
        "noted_by": said.noted_by,
        "details": said.model_dump(mode="json", exclude_none=True, exclude={*OF_THE_EVENT}),
    }


def escalation(said: contracts.ReferralNoted) -> Row:
    return {"referral_id": said.referral_id, "escalated_at": said.noted_at}


def call_back(said: contracts.ReferralNoted) -> Row:
    return {
        "referral_id": said.referral_id,
        "organisation": said.noted_by,
        "noted_at": said.noted_at,
        "call_back_at": said.call_back_at,
    }


def moved_on(said: contracts.ReferralRecorded) -> Row:
    return {"referral_id": said.referral_id, "changed_at": said.changed_at}


def purged(said: contracts.ReferralNoted) -> Row:
    return {"referral_id": said.referral_id, "changed_at": said.noted_at}


def purges_asked(said: contracts.ReferralNoted) -> list[Row]:
    """Who has to delete what they hold, since when and until when; of what was told long ago the end is not known."""
    purge_by = said.purge_by or said.noted_at + PURGE_WITHIN
    return [
        {"referral_id": said.referral_id, "organisation": one, "asked_at": said.noted_at, "purge_by": purge_by}
        for one in said.awaited
    ]


def purge_receipt(said: contracts.ReferralNoted) -> Row:
    """Who has deleted what they held, and when they said so."""
    return {"referral_id": said.referral_id, "organisation": said.noted_by, "purged_at": said.noted_at}


def links(said: contracts.ReferralRecorded) -> list[Row]:
    """Which referral goes on as which, as far as this one says it."""
    pairs = [
        (said.redirected_from, said.referral_id),
        (said.referral_id, said.new_referral_id),
        (said.referral_id, said.onward_referral_id),
    ]
    return [{"earlier": earlier, "later": later} for earlier, later in pairs if earlier and later]


def facts_asked(asked: Ask, *, reader: str) -> Draft:
    """Ask a service for a page of its facts."""
    said = contracts.FactsAsked(
        rebuild_id=asked.rebuild_id,
        reader=reader,
        service=asked.service,
        page=asked.page,
        after=asked.after,
        begun_at=asked.begun_at,
    )
    return Draft(said, subject=str(asked.rebuild_id))


def was_away(absence: Row) -> Iterator[Draft]:
    """Tell the hub's services when the console was away from whom: so many organisations at a time."""
    organisations = tuple(absence["organisations"])
    for first in range(0, len(organisations), AWAY_FROM_AT_MOST):
        absence_id = uuid7()
        said = contracts.ConsoleWasAway(
            absence_id=absence_id,
            organisations=organisations[first : first + AWAY_FROM_AT_MOST],
            began_at=absence["began_at"],
            ended_at=absence["ended_at"],
        )
        yield Draft(said, subject=str(absence_id))


def service(said: contracts.ServiceRecorded) -> Row:
    return said.model_dump(mode="json")


def triage(said: contracts.NeedRecorded) -> Row:
    return said.model_dump(mode="json", include={"need_id", "person_id", "urgency", "triaged_by", "triaged_at"})


def consent(said: contracts.ConsentRecorded) -> Row:
    return said.model_dump(mode="json", exclude={"case_code"})


def standing(said: contracts.ConsentSuspended | contracts.ConsentResumed | contracts.ConsentEnded) -> Row:
    """Whether a consent holds, as one of the facts about it says."""
    row = said.model_dump(mode="json", exclude={"confidential"})
    return {{"reason": "end_reason", "manner": "withdrawn_manner"}.get(name, name): row[name] for name in row}


def forgetting(message: Message[contracts.PersonErased]) -> Row:
    return {"person": message.data.person_id, "erased_at": message.data.erased_at}


def erasure(message: Message[contracts.PersonErased]) -> Row:
    return {"person_id": message.data.person_id, "erased_at": message.data.erased_at}
