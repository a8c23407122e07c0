"""Quick to answer: from the submission of a message to the sender's `referral.status`, on the whole network at rest.

Two organisations see referrals through, one message after the other at a steady rate; nothing else is at work. Beside
it, by turns, the floor (`bench/latency_floor.py`): the same confirmed publications and one commit, by hand.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import quantiles
from typing import Any, ClassVar, Final
from uuid import UUID

import contracts
from bench import requests, wire
from bench.contenders import of_the_hub
from bench.ground import Ground
from bench.latency_floor import Floor
from bench.measure import cause, running
from contracts import sealing
from contracts.codes import (
    ConsentGivenBy,
    ConsentManner,
    ConsentPurpose,
    ContactChannel,
    FieldGroup,
    Outcome,
    ReferralReason,
    Urgency,
    VisitMode,
)
from deploy.local import Network, OperatorError
from deploy.local.organisations import network_of
from messaging import topology

SENDER, RECIPIENT = "redcross", "iom"
ANSWERED_WITHIN = 30.0  # seconds
SLOW = 2.0  # seconds that an answer may take before there are too few lives to keep up the rate
TICK = 0.002  # seconds between looks at what is due
GOALS: Final = {"p50_ms": 2.5, "p99_ms": 5.0}  # times the floor's
GOES_ON: Final = 10.0  # ms from the commit of what a message waits for
STEPS = 7  # messages of one life
REQUESTED, RECEIVED, CLOSED = 0, 1, STEPS - 1


@dataclass(frozen=True)
class Plan:
    """For how long each rate is measured, in seconds, in so many turns."""

    at_5: float
    at_50: float
    floor: float
    behind: float
    turns: int
    waking: int  # messages that wait for another


FULL: Final = Plan(at_5=60, at_50=20, floor=30, behind=30, turns=3, waking=100)
QUICK: Final = Plan(at_5=15, at_50=6, floor=8, behind=8, turns=2, waking=20)
WOKEN: Final = of_the_hub("referrals", "woken", runner="bench.woken")


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a submission to its answer."""

    p50_ms: float
    p99_ms: float
    messages: int

    @classmethod
    def of(cls, took: Sequence[float]) -> "Latency":
        """`took` in seconds."""
        centiles = quantiles(took, n=100, method="inclusive")
        return cls(round(centiles[49] * 1000, 1), round(centiles[98] * 1000, 1), len(took))


def measure(network: Network, plan: Plan) -> dict[str, Any]:
    """Measure all of it; returns `floor`, `at_5`, `at_50`, and more like them, each with p50_ms and p99_ms."""
    took: dict[str, list[float]] = {"floor": [], "at_5": [], "at_50": [], "behind_its_consent": []}
    conversation = Conversation(network)
    floor = Floor(network.stack)
    try:
        conversation.begin()
        conversation.live(rate=20, seconds=5)  # what is made on first use is not measured
        floor.run(rate=20, seconds=2)
        for _ in range(plan.turns):
            took["floor"] += floor.run(rate=5, seconds=plan.floor / plan.turns)
            took["at_5"] += conversation.live(rate=5, seconds=plan.at_5 / plan.turns)
            took["at_50"] += conversation.live(rate=50, seconds=plan.at_50 / plan.turns)
            took["behind_its_consent"] += conversation.ask(rate=5, seconds=plan.behind / plan.turns)
    finally:
        floor.close()
        conversation.close()
    figures: dict[str, Any] = {name: asdict(Latency.of(seconds)) for name, seconds in took.items()}
    figures["goes_on"] = asdict(Latency.of(_going_on(Ground(network.stack), plan.waking)))
    figures["goals"] = {
        f"{name}_{which}": {
            "measured": round(figures[name][which] / figures["floor"][which], 2),
            "goal": goal,
            "reached": figures[name][which] <= goal * figures["floor"][which],
        }
        for name in ("at_5", "at_50")
        for which, goal in GOALS.items()
    }
    went_on = figures["goes_on"]["p99_ms"]
    figures["goals"]["goes_on_p99_ms"] = {"measured": went_on, "goal": GOES_ON, "reached": went_on <= GOES_ON}
    return figures


def _going_on(ground: Ground, count: int) -> list[float]:
    """Ask the real service for so many referrals, and then record their consents; seconds from each commit to its turn.

    It runs on the bench's own virtual host, where consents can be held back.
    """
    asked = requests.make(count + 1)
    file = WOKEN.batches_file(ground)
    with ground.fresh(WOKEN.service), running(WOKEN, ground, 1):
        ground.fill([requests.service_of(asked[0])])
        for number, request in enumerate(asked):
            ground.fill([request])
            _until(lambda: ground.number("select count(*) from parked where state = 'waiting'") == 1)
            ground.fill([requests.consent_of(request)])
            _until(partial(_referrals_are, ground, number + 1))
    return [float(line) for line in file.read_text().splitlines()][1:]  # the first makes what is made on first use


def _referrals_are(ground: Ground, count: int) -> bool:
    return ground.number("select count(*) from referral") == count


def _until(come_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ANSWERED_WITHIN
    while not come_true():
        if time.monotonic() > deadline:
            raise OperatorError(f"A request was not parked, or not taken up again, within {ANSWERED_WITHIN:.0f} s")
        time.sleep(TICK)


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    for name in ("floor", "at_5", "at_50", "behind_its_consent", "goes_on"):
        said = figures[name]
        yield (
            f"latency  {name:<20} p50 {said['p50_ms']:7.1f} ms  p99 {said['p99_ms']:7.1f} ms"
            f"  of {said['messages']:,} messages"
        )
    for name, said in figures["goals"].items():
        verdict = "reached" if said["reached"] else "missed"
        unit = "ms" if name.startswith("goes_on") else "times the floor's"
        yield f"latency  {name} is {said['measured']:g} {unit}; the goal is {said['goal']:g}: {verdict}"


@dataclass
class Life:
    """A referral under way."""

    referral_id: UUID
    person_id: UUID
    consent_id: UUID
    at: int = REQUESTED  # the step that is said next


@dataclass
class Conversation:
    """Both organisations, in one loop."""

    ANSWER: ClassVar[bytes] = b'"referral.status.v'  # by which the sender's answers are known

    network: Network
    answered_within: float = ANSWERED_WITHIN  # seconds, after the last has been said
    quiet: float = 6.0  # seconds: what the management interface says is up to five seconds old
    submit: Callable[[str], wire.Submitting] | None = None  # how an organisation submits; None: by AMQP
    _sent_at: dict[str, float] = field(default_factory=dict)
    _lives: dict[str, Life] = field(default_factory=dict)  # by the message whose answer they wait for
    _due: deque[Life] = field(default_factory=deque)
    _took: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Connect, and let the recipient offer a service."""
        stack = self.network.stack
        urls = {name: stack.amqp_url(name, topology.NETWORK) for name in (SENDER, RECIPIENT)}
        organisations = network_of(stack.state).organisations
        self._publishers = {
            name: self.submit(name) if self.submit else wire.submitting(url, name) for name, url in urls.items()
        }
        self._inboxes = {
            name: wire.Consumer(url, organisations[name].inbox(), prefetch=500) for name, url in urls.items()
        }
        home = stack.state.organisations / "hub"
        self._hub_key = sealing.public_part(sealing.load_key(home / "private.jwk"))
        recipients = stack.state.organisations / RECIPIENT
        self._recipient_key = sealing.public_part(sealing.load_key(recipients / "private.jwk"))
        self._service = contracts.uuid7()
        offered = contracts.ServicePublished(
            service_id=self._service,
            name="Consulta",
            need_codes=("health.consultation",),
            active=True,
            zones=("08001",),
        )
        self._say(RECIPIENT, offered, self._service)

    def close(self) -> None:
        for one in (*getattr(self, "_publishers", {}).values(), *getattr(self, "_inboxes", {}).values()):
            one.close()

    def live(self, rate: float, seconds: float) -> list[float]:
        """Say so many messages a second, each a step of a life that is under way or a new one; seconds each took."""
        lives = self.prepare(int(rate * seconds / STEPS + rate * SLOW) + 1)
        self.come_to_rest()
        return self.at_rate(rate, seconds, lives)

    def ask(self, rate: float, seconds: float) -> list[float]:
        """Ask for so many referrals a second, each right behind the consent it stands on; seconds each took."""
        lives = [self._registered() for _ in range(int(rate * seconds) + 2)]
        self.come_to_rest()
        return self.at_rate(rate, seconds, iter(lives), behind_its_consent=True)

    def prepare(self, count: int) -> Iterator[Life]:
        """Register so many people with a consent each, for referrals that are asked for when they are taken."""
        lives = [self._registered() for _ in range(count)]
        for life in lives:
            self._consent(life)
        return iter(lives)

    def at_rate(
        self, rate: float, seconds: float, new: Iterator[Life], *, behind_its_consent: bool = False
    ) -> list[float]:
        """Say a step of a life under way, or the first of a new one, so many times a second; seconds each took."""
        self._due.clear()
        self._took, began, said, stray = [], time.monotonic(), 0, 0
        while said < int(rate * seconds):
            if time.monotonic() >= began + said / rate:
                if behind_its_consent or not self._due:
                    life = next(new)
                    if behind_its_consent:
                        self._consent(life)
                else:
                    life = self._due.popleft()
                self._step(life)
                said += 1
            self._hear(TICK)
        deadline = time.monotonic() + self.answered_within
        while self._lives and time.monotonic() < deadline:
            self._hear(TICK)
        if stray := len(self._lives):
            self._lives.clear()
            raise OperatorError(f"{stray} messages were not answered within {self.answered_within:.0f} s")
        return self._took

    def _registered(self) -> Life:
        life = Life(contracts.uuid7(), contracts.uuid7(), contracts.uuid7())
        self._register(life)
        return life

    def _register(self, life: Life) -> None:
        self._block = contracts.PersonBlock(given_names="Prueba", family_names="De Red").model_dump(
            mode="json", exclude_none=True
        )
        registered = contracts.PersonRegistered(
            person_id=life.person_id,
            registered_at=datetime.now(UTC),
            sealed=sealing.seal(self._block, self._hub_key),
        )
        self._say(SENDER, registered, life.person_id)

    def _consent(self, life: Life) -> str:
        """Grant it; returns the id of the message."""
        granted = contracts.ConsentGranted(
            consent_id=life.consent_id,
            person_id=life.person_id,
            purposes=(ConsentPurpose.REFER,),
            recipients=(RECIPIENT,),
            field_groups=(FieldGroup.IDENTITY,),
            valid_from=datetime.now(UTC),
            given_by=ConsentGivenBy.PERSON,
            manner=ConsentManner.SIGNED,
            language="es",
        )
        return self._say(SENDER, granted, life.consent_id)

    def come_to_rest(self) -> None:
        """Return when everything has been applied: nothing stands in the services' queues, nor comes for a while."""
        management, quiet_since = self.network.stack.management, time.monotonic()
        deadline = quiet_since + self.answered_within * 4
        while time.monotonic() - quiet_since < self.quiet:
            queues = management.queues(topology.HUB) + management.queues(topology.NETWORK)
            read = [one for one in queues if one.get("consumers") and not one["name"].startswith("inbox.")]
            waiting = [one for one in read if one.get("messages")]
            if self._hear(0.2) or waiting:
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                raise OperatorError("The network did not come to rest")

    def _step(self, life: Life) -> None:
        who, data = _said_at(life, self._service, self._block, self._recipient_key)
        began = time.monotonic()
        self._wait_for(self._say(who, data, life.referral_id), life, began)

    def _wait_for(self, message_id: str, life: Life, began: float) -> None:
        self._sent_at[message_id], self._lives[message_id] = began, life

    def _say(self, who: str, data: Any, subject: UUID) -> str:
        message = contracts.stamp(contracts.Draft(data, subject=str(subject)), source=who, time=datetime.now(UTC))
        self._publishers[who].send([(f"{who}.{message.type}", str(message.id), message.to_json())])
        return str(message.id)

    def _hear(self, within: float) -> bool:
        """Read what comes, for a moment; tell whether there was anything."""
        for publisher in self._publishers.values():
            while publisher.readable():
                publisher.read_confirms()
        heard = False
        for name, inbox in self._inboxes.items():
            if not inbox.readable(within if name == SENDER and not heard else 0):
                continue
            deliveries, now = inbox.receive(), time.monotonic()
            heard = heard or bool(deliveries)
            for one in deliveries:
                if b'"message.refused.v1"' in one.body:
                    raise OperatorError(f"A message was refused: {contracts.parse(one.body).data.code}")
                if name == SENDER and self.ANSWER in one.body:
                    self._answered(cause(one.body), now)
            if deliveries:
                inbox.acknowledge(deliveries[-1].tag)
        return heard

    def _answered(self, message_id: str, now: float) -> None:
        life = self._lives.pop(message_id, None)
        if life is None:
            return
        self._took.append(now - self._sent_at.pop(message_id))
        life.at += 1
        if life.at <= CLOSED:
            self._due.append(life)


def _said_at(life: Life, service: UUID, block: dict[str, Any], recipient_key: sealing.Key) -> tuple[str, Any]:
    """Who says what at the step to which a life has come."""
    referral_id, met = life.referral_id, Outcome.NEED_MET
    if life.at == REQUESTED:
        return SENDER, contracts.ReferralRequested(
            referral_id=referral_id,
            recipient=RECIPIENT,
            service_id=service,
            urgency=Urgency.NORMAL,
            person_id=life.person_id,
            need_code="health.consultation",
            reason_code=ReferralReason.SERVICE_NOT_OFFERED,
            shares=(FieldGroup.IDENTITY,),
            consent_id=life.consent_id,
            contact=contracts.Contact(channel=ContactChannel.PHONE, language="es"),
            sealed=sealing.seal(block, recipient_key),
        )
    visit_at = datetime.now(UTC) + timedelta(days=7)
    answers = (
        contracts.ReferralReceived(referral_id=referral_id),
        contracts.ReferralAccepted(referral_id=referral_id),
        contracts.ReferralScheduled(referral_id=referral_id, visit_at=visit_at, mode=VisitMode.AT_PROVIDER),
        contracts.ReferralServiceStarted(referral_id=referral_id),
        contracts.ReferralCompleted(referral_id=referral_id, outcome=met),
    )
    if life.at == CLOSED:
        return SENDER, contracts.ReferralClosed(referral_id=referral_id, outcome=met)
    return RECIPIENT, answers[life.at - RECEIVED]
