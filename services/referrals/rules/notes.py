"""The notes that the parties of a referral write each other: sealed, so that of each only its reader's key is seen."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.transitions import Actor
from messaging.answers import Refused
from services.referrals.rules.referrals import Referral


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
