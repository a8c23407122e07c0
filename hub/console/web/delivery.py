"""How far a referral has come to whom it was sent: it is there, somebody has opened it, they have decided.

That it has arrived is no answer: each is a mark of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.codes import ReferralState
from contracts.transitions import DECISIONS, ENDED
from hub.console.hosting import uses_screens
from hub.console.web.saying import Saying
from hub.console.web.words import N_
from messaging.database import Row
from messaging.topology import Organisation

ARRIVED: Final = N_("Llegó a %(who)s")
OPENED: Final = N_("La abrieron")
DECIDED: Final = N_("Decidieron")
NOT_YET: Final = N_("todavía no")
NEVER: Final = N_("no")
NOBODY_KNOWS: Final = N_("no se sabe: usan su propio sistema")


@dataclass(frozen=True)
class Reached:
    """What is known besides what the referrals' facts say."""

    opened: Mapping[UUID, datetime]
    """Of which referrals somebody at the recipient has first had the page before them, and when."""
    organisations: Mapping[str, Organisation]

    def marks(self, referral: Row, steps: Sequence[Row], say: Saying) -> Iterator[tuple[str, str]]:
        """Each mark in words, with when it was reached, or that it is not. `steps` are the referral's, in order."""
        theirs = [
            step for step in steps
            if step["changed_by"] == referral["recipient"] and step["state"] != ReferralState.SENT
        ]  # fmt: skip
        answered = [step["changed_at"] for step in theirs if step["state"] != ReferralState.RECEIVED]
        opened = [at for at in (self.opened.get(referral["referral_id"]), *answered[:1]) if at is not None]
        decided = [step["changed_at"] for step in theirs if step["state"] in DECISIONS]
        not_reached = say.text(NEVER if referral["state"] in ENDED else NOT_YET)
        recipient = self.organisations.get(referral["recipient"])
        unseen = not_reached if recipient is not None and uses_screens(recipient) else say.text(NOBODY_KNOWS)
        yield (
            say.text(ARRIVED) % {"who": say.organisation(referral["recipient"])},
            say.exact(theirs[0]["changed_at"]) if theirs else not_reached,
        )
        yield say.text(OPENED), say.exact(min(opened)) if opened else unseen
        yield say.text(DECIDED), say.exact(decided[0]) if decided else not_reached
