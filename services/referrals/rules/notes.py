"""The notes that the parties of a referral write each other: sealed, so that of each only its reader's key is seen."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.transitions import CONSENT_WITHDRAWN, NOTED_IN, Actor
from messaging.answers import Refused
from messaging.plausible import check_planned
from services.referrals.rules.confidential import check_may_have
from services.referrals.rules.referrals import Referral, Step, actor_of, note
from services.referrals.rules.sending import Consent

NOTE_ADDED = "note_added"  # the step that history keeps


@dataclass(frozen=True, slots=True)
class Note:
    """A sealed note in a message of a party."""

    where: str  # the field that holds it
    reader: Actor  # the party that it is for
    key_id: str | None  # of the key that it says it is sealed to


def check_note(note: Note, referral: Referral, *, in_force: Callable[[str, str | None], bool | None]) -> None:
    """Let a note be sealed only to a key of the party that it is for; `in_force` is None of who has no such key.

    The gateway has let through what is sealed to anybody but the hub and who says it: it does not know the parties.
    """
    reader = referral.sender if note.reader is Actor.SENDER else referral.recipient
    known = in_force(reader, note.key_id)
    if known is None:
        raise Refused("sealed_to_another", note.where)
    if not known:
        raise Refused("sealed_to_retired_key", note.where)


def add_note(
    referral: Referral,
    *,
    by: str,
    at: datetime,
    kind: str,
    addressees: Sequence[str],
    call_back_at: datetime | None,
    consent: Consent | None,
    coordinators: Set[str],
    use_screens: Set[str],
) -> Referral:
    """A party, or a coordinator, writes to others who see to the referral: whatever state it is in, it moves nothing.

    Nothing is written under a consent that has ended, or of which somebody says so. Who coordinates is written to where
    the person's consent names it; where a life was at risk there is none, and it was told of that. It then holds
    something of the person, and owes a receipt like the parties once the consent ends.
    """
    actor = actor_of(referral, by, coordinators)
    if referral.erased:
        raise Refused("person_erased")
    state = CONSENT_WITHDRAWN if referral.unpurged else referral.state
    if state not in NOTED_IN:
        raise Refused(f"not_while_{state}")
    if consent is not None and consent.ended_at is not None:
        raise Refused("consent_withdrawn")
    if consent is not None and consent.suspended_at is not None:
        raise Refused("consent_suspended")
    check_planned(call_back_at, now=at)
    for addressee in addressees:
        _check_addressee(referral, addressee, by=by, consent=consent, coordinators=coordinators)
        check_may_have(replace(referral, recipient=addressee), use_screens=use_screens, where="data.notes")
    others = sorted({*referral.noted_to, *addressees} - {*referral.parties})
    details = {"kind": kind, "addressees": " ".join(addressees)}
    return note(replace(referral, noted_to=tuple(others)), Step(NOTE_ADDED, by, actor, at, details=details))


def _check_addressee(
    referral: Referral, addressee: str, *, by: str, consent: Consent | None, coordinators: Set[str]
) -> None:
    if addressee == by:
        raise Refused("note_to_yourself", "data.notes")
    if addressee in referral.parties:
        return
    if addressee not in coordinators:
        raise Refused("addressee_not_party", "data.notes")
    if consent is not None and addressee not in consent.recipients:
        raise Refused("consent_not_for_coordinator", "data.notes")
