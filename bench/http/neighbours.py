"""Who must not be slowed: an organisation that goes about its work, five messages a second, and times each answer."""

import time
from collections.abc import Iterator
from typing import ClassVar, Final

import contracts
from bench.latency import CLOSED, Conversation, Life

RATE: Final = 5.0  # messages a second


class Referring(Conversation):
    """Sees whole referrals through with another: from each step's submission to the sender's `referral.status`."""

    NAME: ClassVar[str] = "referrals"


class Registering(Conversation):
    """Registers people: from the submission of a registration, and a consent right behind it, to the consent's receipt.

    A registration alone is answered by nobody; the receipt shows that intake has applied both.
    """

    NAME: ClassVar[str] = "intake"
    ANSWER = b'"consent.receipt_issued.v'

    def prepare(self, count: int) -> Iterator[Life]:
        """Nothing has to be there before."""
        return (Life(contracts.uuid7(), contracts.uuid7(), contracts.uuid7(), at=CLOSED) for _ in range(count))

    def _step(self, life: Life) -> None:
        began = time.monotonic()
        self._register(life)
        self._wait_for(self._consent(life), life, began)
