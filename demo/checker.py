"""Compares what the organisations logged with what the network did: what is lost, doubled, or sent by nobody.

Pure: it is given facts and returns a verdict. Where the facts come from is `demo/evidence.py`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from demo import accounts
from demo.stories import TERMINAL


@dataclass(frozen=True)
class Sent:
    """One message in its sender's own log, under the name of its exact bytes."""

    by: str
    message_id: str | None  # None: bytes without a readable id
    sha256: str
    kind: str
    confirms: int  # how often the broker took it: 0 failed, 2 and more for a message sent again
    publishes: int = 1  # how often at most the broker may have it, answers that never came included
    unknown: bool = False  # published, and no answer from the broker
    internal: bool = False  # from one of the hub's services to another


@dataclass(frozen=True)
class Received:
    """One message in its recipient's own log."""

    by: str
    message_id: str
    deliveries: int
    applied: int
    flagged: int = 0  # deliveries that the broker marked as redelivered
    referral_id: str | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class Refusal:
    """A `message.refused` in the log of the organisation that it was addressed to."""

    to: str
    refused_id: str | None
    sha256: str
    code: str
    at_entrance: bool = False  # the answer by HTTP


@dataclass(frozen=True)
class Effect:
    """What one message changed in a service's database: `count` rows about the same thing."""

    where: str
    about: str
    message_id: str
    count: int = 1


@dataclass(frozen=True)
class Parked:
    """A message that a service keeps in sight instead of applying it."""

    where: str
    message_id: str | None
    sha256: str
    state: str
    reason: str


@dataclass(frozen=True)
class Referral:
    """Where a referral stands in the database of the service that owns it."""

    referral_id: str
    sender: str
    recipient: str
    state: str
    last_sequence: int


@dataclass(frozen=True)
class Evidence:
    """Everything the checker looks at."""

    sent: tuple[Sent, ...] = ()
    received: tuple[Received, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    effects: tuple[Effect, ...] = ()
    parked: tuple[Parked, ...] = ()
    referrals: tuple[Referral, ...] = ()
    owed: tuple[tuple[str, str], ...] = ()  # (organisation, message id) of all that the hub wrote to it
    hub_redelivered: int = 0  # deliveries to the hub's services that the broker marked as redelivered
    hub_repeated: int = 0  # messages that the hub's services knew already
    happened: accounts.Happened = field(default_factory=accounts.Happened)  # for what the network tells of it
    told: accounts.Told = field(default_factory=accounts.Told)
    waiting_allowed: frozenset[str] = frozenset()  # referrals whose story ends in a state that is not terminal


@dataclass
class Verdict:
    """What was found; a line of plain words for each finding."""

    lost: list[str] = field(default_factory=list)
    applied_twice: list[str] = field(default_factory=list)
    nobody_sent: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)  # what the network tells and is not so
    sent: int = 0
    applied: int = 0
    refused: int = 0
    quarantined: int = 0
    waiting: int = 0
    redelivered: int = 0
    duplicates_suppressed: int = 0

    @property
    def good(self) -> bool:
        return not (self.lost or self.applied_twice or self.nobody_sent or self.unfinished or self.untrue)


def check(evidence: Evidence) -> Verdict:
    """Hold the logs against the effects; every message has exactly one outcome or is a finding."""
    verdict = Verdict()
    _check_outcomes(evidence, verdict)
    _check_effects(evidence, verdict)
    _check_numbers(evidence, verdict)
    _check_ends(evidence, verdict)
    _count_repeats(evidence, verdict)
    findings = accounts.check(evidence.happened, evidence.told)
    verdict.lost += findings.lost
    verdict.applied_twice += findings.doubled
    verdict.untrue += findings.untrue
    return verdict


def _check_outcomes(evidence: Evidence, verdict: Verdict) -> None:
    """Each message its sender holds a confirm for is applied, or it is refused or parked, and never both."""
    refusals = Counter((refusal.to, refusal.sha256) for refusal in evidence.refusals)
    # One that is parked and not given up waits in sight: it will be applied or refused.
    parked = {item.sha256: "quarantined" if item.state == "quarantined" else "waiting" for item in evidence.parked}
    effects = {effect.message_id for effect in evidence.effects}
    bodies_of: dict[str, list[Sent]] = defaultdict(list)
    for message in evidence.sent:
        bodies_of[message.message_id or message.sha256].append(message)
    for message_id, bodies in bodies_of.items():
        effect_is_free = message_id in effects  # the effect of an id belongs to one body only
        for message in bodies:
            outcomes = ["refused"] if refusals[message.by, message.sha256] else []
            if message.sha256 in parked:
                outcomes.append(parked[message.sha256])
            if effect_is_free and not outcomes and message.confirms:
                effect_is_free = False
                outcomes.append("applied")
            elif effect_is_free and len(bodies) == 1:
                outcomes.append("applied")
            _judge(message, outcomes, verdict)
            if refusals[message.by, message.sha256] > message.publishes:
                verdict.applied_twice.append(f"{_name(message)}: refused more often than it was sent")


def _judge(message: Sent, outcomes: list[str], verdict: Verdict) -> None:
    if message.unknown:
        verdict.lost.append(f"{_name(message)}: its sender never learnt whether the broker has it")
    elif not message.confirms:
        if outcomes:
            verdict.nobody_sent.append(f"{_name(message)}: {' and '.join(outcomes)}, but the broker had rejected it")
    else:
        if not message.internal:
            verdict.sent += 1
            verdict.applied += "applied" in outcomes
            verdict.quarantined += "quarantined" in outcomes
            verdict.waiting += "waiting" in outcomes
            verdict.refused += outcomes == ["refused"]
        if not outcomes:
            verdict.lost.append(f"{_name(message)}: confirmed, and neither applied, refused nor parked")
        elif "applied" in outcomes and len(outcomes) > 1:
            verdict.applied_twice.append(f"{_name(message)}: {' and '.join(outcomes)}")


def _check_effects(evidence: Evidence, verdict: Verdict) -> None:
    """No effect twice, and none of a message that is in nobody's log."""
    known = {message.message_id for message in evidence.sent}
    rows: Counter[tuple[str, str, str]] = Counter()
    for effect in evidence.effects:
        rows[effect.where, effect.about, effect.message_id] += effect.count
    for (where, about, message_id), count in rows.items():
        if count > 1:
            verdict.applied_twice.append(f"{message_id}: {count} effects on {about} in {where}")
        if message_id not in known:
            verdict.nobody_sent.append(f"{message_id}: changed {about} in {where}, and is in nobody's log")


def _check_numbers(evidence: Evidence, verdict: Verdict) -> None:
    """What the hub wrote to an organisation is there; both parties have a referral's numbers 1, 2, 3 …, each once."""
    arrived = {(message.by, message.message_id) for message in evidence.received}
    for organisation, message_id in evidence.owed:
        if (organisation, message_id) not in arrived:
            verdict.lost.append(f"{message_id}: written to {organisation}, and never arrived there")
    owed = set(evidence.owed)
    numbers: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for message in evidence.received:
        if message.applied > 1:
            verdict.applied_twice.append(f"{message.message_id}: applied {message.applied} times at {message.by}")
        if not message.applied:
            verdict.lost.append(f"{message.message_id}: delivered to {message.by} and not applied there")
        if (message.by, message.message_id) not in owed and message.sequence is not None:
            verdict.nobody_sent.append(f"{message.message_id}: at {message.by}, and written by nobody")
        if message.referral_id is not None and message.sequence is not None:
            numbers[message.by, message.referral_id][message.sequence] += 1
    for referral in evidence.referrals:
        for party in (referral.sender, referral.recipient):
            seen = numbers.pop((party, referral.referral_id), Counter())
            for number in range(1, referral.last_sequence + 1):
                if not seen[number]:
                    verdict.lost.append(f"number {number} of referral {referral.referral_id} never reached {party}")
                elif seen[number] > 1:
                    verdict.applied_twice.append(
                        f"number {number} of referral {referral.referral_id} reached {party} under {seen[number]} ids"
                    )
            for number in seen:
                if number > referral.last_sequence:
                    verdict.nobody_sent.append(f"{party} has number {number} of referral {referral.referral_id}")
    for party, referral_id in numbers:
        verdict.nobody_sent.append(f"{party} was told of referral {referral_id}, where it is no party")


def _check_ends(evidence: Evidence, verdict: Verdict) -> None:
    """Every referral came to its end, or waits where its story says that it waits."""
    for referral in evidence.referrals:
        if referral.state not in TERMINAL and referral.referral_id not in evidence.waiting_allowed:
            verdict.unfinished.append(f"referral {referral.referral_id} stopped at {referral.state}")


def _count_repeats(evidence: Evidence, verdict: Verdict) -> None:
    """How many repeats there were to suppress, so that "nothing twice" says something."""
    verdict.redelivered = evidence.hub_redelivered + sum(message.flagged for message in evidence.received)
    verdict.duplicates_suppressed = evidence.hub_repeated + sum(message.deliveries - 1 for message in evidence.received)


def _name(message: Sent) -> str:
    return f"{message.kind} {message.message_id or message.sha256[:12]} of {message.by}"
