"""What no system should send and some do: every kind of bad input that a partner can bring to the gateway.

Each is one message of its own; what becomes of it is said beside it: `refused` (its sender hears why), `parked` (the
network keeps it in sight), `rejected` (the broker does not take it), and `applied` for those that only prepare another.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from demo import words
from demo.plan import Number, Step

TOO_LARGE = 10 * 1024 * 1024  # bytes
TOO_DEEP = 200  # levels
CONTENT_TYPE = "application/cloudevents+json"

REFUSED, PARKED, REJECTED, APPLIED = "refused", "parked", "rejected", "applied"


@dataclass(frozen=True)
class Mistake:
    """One bad message: whose it is, what is wrong with it, and what must become of it."""

    organisation: str
    what: str
    outcome: str
    step: Step


class Referral(Protocol):
    """As much of a referral and its story as a mistake needs."""

    @property
    def referral_id(self) -> str: ...

    @property
    def sender(self) -> str: ...

    @property
    def recipient(self) -> str: ...

    @property
    def last_number(self) -> int: ...


class MakeStep(Protocol):
    """Makes a step of a plan, and gives it its name."""

    def __call__(
        self,
        kind: str,
        subject: str,
        data: dict[str, Any],
        *,
        after: Number | None = None,
        seal: tuple[str, dict[str, Any]] | None = None,
    ) -> Step: ...


@dataclass(frozen=True)
class Maker:
    """Makes mistakes on a day whose referrals, services and organisations are known."""

    organisations: Sequence[str]
    services: Mapping[str, str]  # organisation → one of its services
    people: Mapping[str, str]  # organisation → somebody it has registered
    make_id: Callable[[], str]
    make_step: MakeStep
    at: datetime

    def unreadable(self, organisation: str, other: str) -> Iterator[Mistake]:
        """Messages that cannot be read, or not be believed."""
        nested: Any = "deep"
        for _ in range(TOO_DEEP):
            nested = [nested]
        yield self._raw(organisation, "not JSON", b'{"specversion": "1.0", "id": ')
        yield self._raw(organisation, "not a CloudEvent", b'{"hello": "world"}')
        yield self._raw(organisation, "not UTF-8", self._need(organisation).replace(b"wash.water", b"\xff\xfe"))
        yield self._raw(organisation, "unknown contract", self._need(organisation, type="referral.teleported.v1"))
        yield self._raw(organisation, "unknown version", self._need(organisation, type="need.identified.v9"))
        yield self._raw(organisation, "a field missing", self._need(organisation, data={}))
        yield self._raw(organisation, "nested too deeply", self._need(organisation, extra=nested))
        yield self._raw(organisation, "a NUL in a string", self._need(organisation, extra="a\0b"))
        yield self._raw(organisation, "a time without zone", self._need(organisation, time="2026-02-03T08:00:00"))
        yield self._raw(organisation, "another's name as its source", self._need(organisation, source=other))
        yield self._raw(organisation, "another content type", self._need(organisation), content_type="text/plain")
        # The broker itself knows who is speaking.
        yield self._raw(organisation, "another's user-id", self._need(organisation), REJECTED, user_id=other)
        yield self._raw(organisation, "another's routing key", self._need(other), REJECTED, key_of=other)

    def too_large(self, organisation: str) -> Mistake:
        """A message that no queue should have to hold; the broker is told so."""
        return self._raw(organisation, "ten megabytes", self._need(organisation, extra="x" * TOO_LARGE), REJECTED)

    def id_used_again(self, organisation: str) -> Iterator[Mistake]:
        """Two messages under one id."""
        message_id = self.make_id()
        for outcome in (APPLIED, PARKED):
            body = self._need(organisation, id=message_id)
            mistake = self._raw(organisation, "an id used again for other content", body, outcome)
            mistake.step["message_id"] = message_id
            yield mistake

    def against_the_rules(self, referral: Referral) -> Iterator[Mistake]:
        """Moves in a referral that has ended, and of those who may not make them."""
        accepted = {"referral_id": referral.referral_id}

        def accept(organisation: str, what: str, outcome: str, after: int) -> Mistake:
            number = (referral.referral_id, after) if after else None
            step = self.make_step("referral.accepted.v1", referral.referral_id, accepted, after=number)
            return Mistake(organisation, what, outcome, step)

        yield accept(referral.recipient, "a move after the end", REFUSED, referral.last_number)
        yield accept(referral.sender, "a move of the other party", REFUSED, 1)
        # It might have overtaken what makes its sender a party, so it waits in sight before it is refused.
        stranger = next(name for name in self.organisations if name not in (referral.sender, referral.recipient))
        yield accept(stranger, "a move of a stranger", PARKED, 0)

    def beyond_its_rights(self, organisation: str, referral: Referral) -> Mistake:
        """A message that only a coordinator may send."""
        data = {"referral_id": referral.referral_id, "reason": "need_returned"}
        step = self.make_step("referral.reopened.v1", referral.referral_id, data)
        return Mistake(organisation, "a coordinator's message", REFUSED, step)

    def without_consent(self, sender: str, recipient: str, other: str) -> Iterator[Mistake]:
        """Referrals that the person has not allowed: never, or to somebody else."""
        person_id, consent_id = self.people[sender], self.make_id()
        block = {"given_names": "Nadie"}
        consent = words.consent(consent_id, {"person_id": person_id}, other, words.SHARED, self.at)
        granted = self.make_step("consent.granted.v1", consent_id, consent)
        yield Mistake(sender, "a referral to whom the consent does not name", APPLIED, granted)
        for what, used, outcome in (
            ("a referral to whom the consent does not name", consent_id, REFUSED),
            ("a referral without consent", self.make_id(), PARKED),  # the consent may be on its way: it waits in sight
        ):
            referral_id = self.make_id()
            data = {
                "referral_id": referral_id,
                "recipient": recipient,
                "service_id": self.services[recipient],
                "urgency": "normal",
                "person_id": person_id,
                "need_code": "wash.water",
                "reason_code": "service_not_offered",
                "shares": list(words.SHARED),
                "consent_id": used,
                "contact": {"channel": "phone", "language": "es"},
            }
            step = self.make_step("referral.requested.v2", referral_id, data, seal=(recipient, block))
            yield Mistake(sender, what, outcome, step)

    def _need(self, organisation: str, **changed: Any) -> bytes:
        """A message in which nothing is wrong but what is changed."""
        need_id = self.make_id()
        data = {
            "need_id": need_id,
            "person_id": self.people[organisation],
            "need_code": "wash.water",
            "urgency": "normal",
            "identified_at": self.at.isoformat(),
        }
        whole = {
            "specversion": "1.0",
            "id": self.make_id(),
            "source": organisation,
            "type": "need.identified.v1",
            "subject": need_id,
            "time": self.at.isoformat(),
            "datacontenttype": "application/json",
            "data": data,
        }
        return json.dumps(whole | changed).encode()

    def _raw(
        self,
        organisation: str,
        what: str,
        body: bytes,
        outcome: str = REFUSED,
        *,
        content_type: str = CONTENT_TYPE,
        user_id: str | None = None,
        key_of: str | None = None,
    ) -> Mistake:
        step = self.make_step("need.identified.v1", what.replace(" ", "-"), {})
        step["copies"] = 1
        step["raw"] = {
            "body": base64.b64encode(body).decode(),
            "content_type": content_type,
            "user_id": user_id or organisation,
            "routing_key": f"{key_of or organisation}.need.identified.v1",
        }
        return Mistake(organisation, what, outcome, step)
