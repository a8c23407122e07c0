"""`./ruta repair`, beside a running network: makes again what the broker lacks, puts back what was dead-lettered.

What no queue took, and what expired before the gateway, lies in `unrouted`; what was delivered twenty times and never
acknowledged, in `dead`. Each message goes back as it came, under its sender's name: for this there is, as long as a
repair lasts, a broker user that may speak under any. A message is acknowledged where it lay only when the broker has
confirmed it where it belongs, so a repair that is killed has at worst repeated one, which the inboxes know by its id.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import amqp

from contracts import CONTRACTS
from deploy.local import beside, differences
from deploy.local.beside import Beside
from deploy.local.differences import Difference
from deploy.local.operator_error import OperatorError
from deploy.local.organisations import network_of
from deploy.local.state import State
from deploy.local.trail import record
from hub.monitor.log import entries
from hub.monitor.waiting import NOT_SHOWN
from messaging import broker, frames, topology
from messaging.broker import BrokerLost
from messaging.frames import Delivered
from messaging.topology import HUB, NETWORK, REPAIRER, ROUTES, DeclaredNetwork, Management, TopologyError

ASIDE = {NETWORK: ["unrouted"], HUB: ["unrouted", "dead"]}
READS = {NETWORK: "^unrouted$", HUB: "^(unrouted|dead)$"}
WRITES = {NETWORK: r"^(amq\.default|submit\..*)$", HUB: r"^(amq\.default|hub)$"}
# As many messages as one look may leave where they are: what AMQP lets a consumer have unacknowledged.
MOST = 65_535
BACK_WITHIN = 60.0  # seconds for the broker to take back what stays
SAY_EVERY = 10.0  # seconds between lines on how far it is

# What the broker writes into a message's headers on its way aside and back, and what in them tells it where to put a
# message: where this one goes is decided here alone.
NOT_THE_SENDERS = frozenset({"x-delivery-count", "x-acquired-count", "CC", "BCC"})
# By this a service knows that the time in a message tells nothing of its sender's clock (messaging/clocks.py).
PUT_BACK = "x-put-back"
OF_DEAD_LETTERING = ("x-death", "x-first-death-", "x-last-death-")


class Place(NamedTuple):
    """Where a message goes: an exchange and a key, or the empty exchange and a queue's name. Or why it stays."""

    exchange: str = ""
    key: str = ""
    stays: str | None = None

    @property
    def text(self) -> str:
        if self.stays:
            return f"stays: {self.stays}"
        return f"back to exchange {self.exchange}" if self.exchange else f"back to queue {self.key}"


class Kind(NamedTuple):
    """What messages are counted by; of confidential cases `contract` is its family, and whose it is NOT_SHOWN."""

    vhost: str
    queue: str
    fate: str
    contract: str
    sender: str
    stays: bool


class Choice(NamedTuple):
    """Which of the messages that lie aside are meant; None: all."""

    contract: str | None = None
    sender: str | None = None
    queue: str | None = None
    id: UUID | None = None

    def takes(self, kind: Kind, body: bytes) -> bool:
        """Whether one of this kind is meant, by what it says its own id is."""
        asked = ((self.contract, kind.contract), (self.sender, kind.sender), (self.queue, kind.queue))
        if any(wanted is not None and wanted != its for wanted, its in asked):
            return False
        return self.id is None or self.id == entries.id_of(body)


EVERYTHING = Choice()


@dataclass
class Looked:
    """What was seen of what lies aside."""

    kinds: Counter[Kind]
    stay: int = 0
    back: int = 0
    not_seen: int = 0  # behind the first MOST of a queue, or come since what was bound
    seen: Counter[bytes] = field(default_factory=Counter)
    """The messages that have a place to go, each by its `fingerprint`: what a dry run binds."""
    kind_of: dict[bytes, Kind] = field(default_factory=dict)
    """Of what kind each of those is."""
    went: Counter[bytes] = field(default_factory=Counter)  # of what was bound
    stayed: Counter[bytes] = field(default_factory=Counter)  # of what was bound

    @property
    def all(self) -> int:
        return self.stay + self.back + self.not_seen


class Routes:
    """Where the broker takes a message of a key, by `bindings` (as its management interface has them)."""

    def __init__(self, bindings: Iterable[Mapping[str, Any]], declared: DeclaredNetwork) -> None:
        self._bound = {(one["vhost"], one["source"], one["routing_key"]) for one in bindings}
        self._known: dict[tuple[str, str, str], bool] = {}  # thousands of messages have the same few keys
        self._submits = {queue: one.id for one in declared.organisations.values() for queue in one.submits}
        self._services = {service.queue for service in declared.services.values()}

    def place(self, vhost: str, queue: str, message: Delivered, properties: Mapping[str, Any] | None) -> Place:
        """Decide where a message that lies in `queue` goes.

        A sender may have written any header, so it is believed no further than to where the sender may write itself.
        """
        if properties is None:
            return Place(stays="its properties cannot be read")
        died_in = _died_in(properties)
        if vhost == NETWORK and died_in is not None:
            if died_in not in self._submits or self._submits[died_in] != properties.get("user_id"):
                return Place(stays="it does not come from its sender's own queue")
            return Place("", died_in)
        if queue == "dead":
            if died_in not in self._services:
                return Place(stays="no service reads the queue where it was")
            return Place("", died_in)
        exchange, key = message.exchange, message.routing_key()
        if exchange != "hub" and vhost == HUB:
            return Place(stays="it was not published to the hub")
        if vhost == NETWORK and exchange not in self._submits:
            return Place(stays="its organisation does not take part")
        if not self._are_bound(vhost, ROUTES if vhost == HUB else exchange, key):
            return Place(stays="no queue is bound for its type and addressee")
        return Place(exchange, key)

    def _are_bound(self, vhost: str, exchange: str, key: str) -> bool:
        at = vhost, exchange, key
        if at not in self._known:
            self._known[at] = any(
                (host, source) == (vhost, exchange) and goes(pattern, key) for host, source, pattern in self._bound
            )
        return self._known[at]


def goes(pattern: str, key: str) -> bool:
    """Whether a topic exchange takes a key by this pattern: `*` is one word, `#` any number of them, none included."""
    return _go(pattern.split("."), key.split("."))


def _go(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_go(pattern[1:], words[at:]) for at in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _go(pattern[1:], words[1:])


def _died_in(properties: Mapping[str, Any]) -> str | None:
    """The queue that dead-lettered a message, by the header that the broker writes then; None where there is none."""
    try:
        return str(properties["application_headers"]["x-death"][0]["queue"])
    except (KeyError, IndexError, TypeError):
        return None


def as_it_came(body: bytes, properties: Mapping[str, Any]) -> Any:
    """The message as its sender published it, except that it does not expire any more, and says that it is put back."""
    kept = {name: value for name, value in properties.items() if name not in ("expiration", "application_headers")}
    headers = {
        name: value
        for name, value in (properties.get("application_headers") or {}).items()
        if name not in NOT_THE_SENDERS and not str(name).startswith(OF_DEAD_LETTERING)
    }
    return amqp.Message(body, **kept, application_headers=headers | {PUT_BACK: True})


class PutBack:
    """Publishes one message at a time and waits for the broker's word: so their order is kept, and each is answered."""

    def __init__(self, url: str) -> None:
        self._connection = broker.connect(url)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(lambda *_: self._answer(True))
        self._channel.events["basic_nack"].add(lambda *_: self._answer(False))
        self._channel.events["basic_return"].add(lambda *_: self._note_return())
        self._taken: bool | None = None
        self._returned = False

    def _answer(self, taken: bool) -> None:
        self._taken = taken

    def _note_return(self) -> None:
        self._returned = True  # it is confirmed besides

    def publish(self, message: Any, place: Place) -> bool:
        """Whether the broker has the message where it belongs; raises one of BrokerLost when it does not answer."""
        self._taken, self._returned = None, False
        self._channel.basic_publish(message, place.exchange, place.key, mandatory=True)
        deadline = time.monotonic() + broker.ANSWER_WITHIN
        while self._taken is None:
            self._connection.drain_events(timeout=max(deadline - time.monotonic(), 0.001))
        return self._taken and not self._returned

    def beat(self) -> None:
        """Keep the connection alive."""
        keep_alive(self._connection)

    def close(self) -> None:
        broker.drop(self._connection)


def keep_alive(connection: frames.Connection) -> None:
    """Read what has come, heartbeats too, and send one where it is due. Raises one of BrokerLost."""
    with contextlib.suppress(TimeoutError):
        connection.drain_events(timeout=0.001)
    connection.heartbeat_tick()


def fingerprint(vhost: str, queue: str, message: Delivered, properties: Mapping[str, Any]) -> bytes:
    """What tells a message that lies aside from another: where it lies and was, from whom, its id, key and bytes."""
    of_it = properties.get("user_id"), properties.get("message_id"), message.routing_key()
    told = vhost, queue, _died_in(properties), *of_it
    return hashlib.sha256(repr(told).encode() + message.body).digest()


def go_through(
    url: str,
    vhost: str,
    queue: str,
    routes: Routes,
    put_back: PutBack | None,
    looked: Looked,
    bound: Counter[bytes] | None = None,
    choice: Choice = EVERYTHING,
) -> None:
    """Count what is meant of what lies in a queue, and put back what has a place to go; without `put_back` only count.

    Of what is `bound` by a dry run each is taken away as it goes; what is not stays, for it has come since. What stays
    is handed back to the queue at the end, where it was. Raises one of BrokerLost.
    """
    connection = broker.connect(url)
    try:
        channel = connection.channel()
        channel.basic_qos(0, MOST, False)
        there = channel.queue_declare(queue, passive=True).message_count  # what comes meanwhile is for the next time
        if there:
            channel.basic_consume(queue)
        seen, staying, said_at = 0, 0, time.monotonic()
        blocked: set[str] = set()
        while seen < there and staying < MOST:
            if not connection.delivered:
                connection.drain_events(timeout=broker.ANSWER_WITHIN)
            arrived = connection.delivered[: there - seen]
            connection.delivered.clear()
            for message in arrived:
                seen += 1
                properties = message.properties()
                place = routes.place(vhost, queue, message, properties)
                kind = _kind(vhost, queue, message, properties or {}, place)
                if not choice.takes(kind, message.body):
                    staying += 1
                    continue
                which = fingerprint(vhost, queue, message, properties or {})
                is_bound = bound is not None and bound[which] > 0
                if bound is not None and is_bound:
                    bound[which] -= 1
                if not place.stays:
                    if bound is not None and not is_bound:
                        staying += 1
                        looked.not_seen += 1
                        continue
                    looked.seen[which] += 1
                    looked.kind_of[which] = kind
                if put_back is not None and not place.stays:
                    place = _put_back(put_back, message, properties or {}, place, blocked)
                    if not place.stays:
                        channel.basic_ack(message.tag)
                staying += put_back is None or place.stays is not None
                looked.stay += place.stays is not None
                looked.back += place.stays is None
                if is_bound:
                    (looked.stayed if place.stays else looked.went)[which] += 1
                looked.kinds[_kind(vhost, queue, message, properties or {}, place)] += 1
            keep_alive(connection)
            if put_back is not None:
                put_back.beat()
            if time.monotonic() - said_at > SAY_EVERY:
                said_at = time.monotonic()
                print(f"… {seen:,} of {there:,} in {queue} ({vhost})", file=sys.stderr)
        looked.not_seen += there - seen
        channel.close()  # answered when the broker has dealt with the acknowledgements
        _wait_until_back(connection, queue, staying, put_back)
    finally:
        broker.drop(connection)


def _wait_until_back(connection: frames.Connection, queue: str, many: int, put_back: PutBack | None) -> None:
    """Wait until a queue has again what was handed back to it: of many messages the broker needs a while for that."""
    channel = connection.channel()
    deadline = time.monotonic() + BACK_WITHIN
    while channel.queue_declare(queue, passive=True).message_count < many and time.monotonic() < deadline:
        keep_alive(connection)
        if put_back is not None:
            put_back.beat()
        time.sleep(0.05)


def _put_back(
    put_back: PutBack, message: Delivered, properties: Mapping[str, Any], place: Place, blocked: set[str]
) -> Place:
    """Publish a message where it goes; behind one that was refused there, none overtakes it."""
    towards = place.exchange or place.key
    if towards in blocked:
        return Place(stays="one before it was refused")
    try:
        again = as_it_came(message.body, properties)
        again._serialize_properties()  # noqa: SLF001 - py-amqp has no other way to try it
    except Exception:  # whatever a sender wrote there
        return Place(stays="its properties cannot be written again")
    if put_back.publish(again, place):
        return place
    blocked.add(towards)
    return Place(stays="the queue where it goes refuses it: it is full, or missing")


def _kind(vhost: str, queue: str, message: Delivered, properties: Mapping[str, Any], place: Place) -> Kind:
    key = message.routing_key()
    with contextlib.suppress(KeyError, IndexError, TypeError):
        key = str(properties["application_headers"]["x-death"][0]["routing-keys"][0])
    words = key.split(".")
    named = (".".join(words[at : at + 3]) for at in range(len(words) - 2))
    contract = next((name for name in named if name in CONTRACTS), "unknown")
    if entries.says_confidential(message.body):
        fate = place.text if place.stays else "back to where it was"
        return Kind(vhost, queue, fate, contract.partition(".")[0], NOT_SHOWN, place.stays is not None)
    return Kind(
        vhost, queue, place.text, contract, properties.get("user_id") or "nobody named", place.stays is not None
    )


# -- the command -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def repairer(management: Management, password: str, vhosts: list[str], *, puts_back: bool) -> Iterator[None]:
    """The user that reads what lies aside and, if it `puts_back`, may speak under any name; for as long as this lasts.

    One that a killed repair has left goes with it.
    """
    try:
        management.put(f"users/{REPAIRER}", {"password": password, "tags": "impersonator" if puts_back else ""})
        for vhost in vhosts:
            writes = WRITES[vhost] if puts_back else topology.NOTHING
            rights = {"configure": topology.NOTHING, "write": writes, "read": READS[vhost]}
            management.put(f"permissions/{vhost}/{REPAIRER}", rights)
        yield
    finally:
        management.delete(f"users/{REPAIRER}")


@contextlib.contextmanager
def at_work(state: State, environment: Mapping[str, str] = os.environ) -> Iterator[tuple[Beside, DeclaredNetwork]]:
    """Find what runs, and be the only one who repairs it. Raises OperatorError, also where a server does not answer."""
    declared = network_of(state)
    place = beside.find(state, declared, environment)
    if place is None:
        raise OperatorError(
            f"Nothing runs from {state.directory}, and RUTA_AMQP_URL and RUTA_DATABASE_URL name no servers; "
            "`./ruta up` makes what is missing as it starts."
        )
    new = [user for user in declared.users if user not in state.known_passwords()]
    if new:
        raise OperatorError(
            f"No password is known in {state.directory} for {', '.join(new)}: a newcomer in deploy/network.toml is for "
            "`./ruta provision`, or for `./ruta down` and `./ruta up`."
        )
    with state.repairing():
        try:
            yield place, declared
        except TopologyError as error:
            raise OperatorError(f"{error}; what is done is done, run it again.") from None
        except BrokerLost as error:
            raise OperatorError(
                f"The broker went away or did not answer ({type(error).__name__}); what is done is done, nothing lost: "
                "run it again."
            ) from None


def run(
    state: State,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool = False,
    environment: Mapping[str, str] = os.environ,
    ask: Callable[[str], bool],
) -> int:
    """Show what is wrong, and set it right; the exit code is 1 when something stays that needs a person.

    Queues and the like are made again unless it is a dry run; messages go back when `yes`, or when `ask` says so.
    Raises OperatorError when the servers do not answer: what is done is done, and the same command goes on from there.
    """
    with aside(as_json), at_work(state, environment) as (place, declared):
        done = _run(place, declared, state, dry_run=dry_run, yes=yes, ask=ask)
    if as_json:
        print(json.dumps(as_data(done), indent=1))
    return done.code


def aside(as_json: bool) -> contextlib.AbstractContextManager[Any]:
    """What is said on the way, where it is in the way of nothing."""
    return contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout)


class Whole(NamedTuple):
    """The broker, after what it lacked was made again."""

    wrong: Sequence[Difference]  # before
    left: Sequence[Difference]
    routes: Routes


class Done(NamedTuple):
    """What a repair has done; in a dry run, what it would do."""

    dry_run: bool
    whole: Whole
    looked: Looked  # at last
    put_back: int
    waits: int  # messages that have a place to go, where nobody has said that they go

    @property
    def code(self) -> int:
        """1 where something stays that needs a person, or would."""
        ends_well = not (self.whole.left or self.looked.stay or self.looked.not_seen or self.waits)
        return int(not ends_well or (self.dry_run and self.put_back > 0))


def as_data(done: Done) -> dict[str, Any]:
    """As plain data. In a dry run `made_again` and `put_back` are what would be, and `left` what would stay as it is.

    Messages are counted by where they lie, of whom, and where they go or why they stay.
    """
    wrong, left = done.whole.wrong, done.whole.left
    would_stay = [one for one in wrong if one.for_a_person] if done.dry_run else left
    return {
        "act": "repair",
        "dry_run": done.dry_run,
        "wrong": [one.text for one in wrong],
        "made_again": [one.text for one in wrong if one not in would_stay],
        "left": [one.text for one in would_stay],
        "put_back": done.put_back,
        "waits": done.waits,
        "stays": done.looked.stay,
        "not_seen": done.looked.not_seen,
        "groups": [
            {"vhost": kind.vhost, "queue": kind.queue, "contract": kind.contract, "sender": kind.sender,
             "goes": kind.fate, "stays": kind.stays, "messages": count}
            for kind, count in sorted(done.looked.kinds.items())
        ],
    }  # fmt: skip


def make_whole(place: Beside, declared: DeclaredNetwork, state: State, *, dry_run: bool) -> Whole:
    """Say what the broker lacks and, unless it is a dry run, make it again. Raises OperatorError, TopologyError."""
    wrong = differences.compare(place.management, declared, state)
    _say_differences(wrong)
    left = wrong
    if wrong and not dry_run:
        record(place.databases[topology.GATEWAY], state, "broker_repaired", "network", differences=len(wrong))
        differences.mend(place.management, wrong)
        left = differences.compare(place.management, declared, state)
        print(f"Made again: {len(wrong) - len(left)} of {len(wrong)}.")
    bindings = place.management.get("bindings")
    if dry_run:  # there are those as well that the repair would make
        bindings += topology.definitions(declared, dict.fromkeys(declared.users, ""))["bindings"]
    return Whole(wrong, left, Routes(bindings, declared))


def look(place: Beside, state: State, whole: Whole, choice: Choice = EVERYTHING) -> Looked:
    """See what lies aside, and change nothing. Raises TopologyError, one of BrokerLost."""
    with repairer(place.management, state.password(REPAIRER), _vhosts_without(whole.left), puts_back=False):
        return go_through_all(place, whole.routes, whole.left, choice=choice)


def put_back(place: Beside, state: State, whole: Whole, bound: Counter[bytes]) -> Looked:
    """Put back what is `bound`, and take it away from there as it goes. Raises TopologyError, one of BrokerLost."""
    with repairer(place.management, state.password(REPAIRER), _vhosts_without(whole.left), puts_back=True):
        return go_through_all(place, whole.routes, whole.left, bound=bound)


def _run(
    place: Beside, declared: DeclaredNetwork, state: State, *, dry_run: bool, yes: bool, ask: Callable[[str], bool]
) -> Done:
    put_back_now = 0
    whole = make_whole(place, declared, state, dry_run=dry_run)
    looked = look(place, state, whole)
    say_messages(looked)
    if not whole.wrong and not looked.kinds:
        print("Nothing to do: the broker is as declared, and nothing lies in `unrouted` or `dead`.")
    if looked.back and not dry_run and (yes or ask(f"Put {looked.back:,} messages back? [y/N] ")):
        record(place.databases[topology.GATEWAY], state, "messages_put_back", "network", count=looked.back)
        before = looked
        looked = put_back(place, state, whole, before.seen.copy())
        print(f"Put back: {looked.back:,} messages.")
        print(f"There were {before.all:,}; {looked.all - looked.back:,} are there now.")
        if looked.stay:
            print("These stayed:")
            say_messages(looked, only_what_stays=True)
        put_back_now, looked.back = looked.back, 0
    if dry_run:
        print("This was a dry run: nothing was changed.")
    elif looked.back:
        print(f"{looked.back:,} messages were left where they are; `./ruta repair --yes` puts them back.")
    if looked.stay:
        print(
            "What stays is for somebody to look at: declare who reads it in deploy/network.toml, or have its sender "
            "say it otherwise; what nobody wants is dropped in the broker's management interface (Purge Messages)."
        )
    if looked.not_seen:
        print(f"{looked.not_seen:,} more lie there, behind them or come since; run it again.")
    if dry_run:
        return Done(dry_run, whole, looked, looked.back, 0)
    return Done(dry_run, whole, looked, put_back_now, looked.back)


def _vhosts_without(wrong: Iterable[Difference]) -> list[str]:
    """The virtual hosts that are there."""
    missing = {one.vhost for one in wrong if one.kind == "vhosts"}
    return [vhost for vhost in (NETWORK, HUB) if vhost not in missing]


def go_through_all(
    place: Beside,
    routes: Routes,
    wrong: Iterable[Difference],
    *,
    bound: Counter[bytes] | None = None,
    choice: Choice = EVERYTHING,
) -> Looked:
    """Go through what is meant of all that lies aside, in the queues that are there, and put back what is `bound`.

    Raises one of BrokerLost.
    """
    looked = Looked(Counter())
    missing = {(one.vhost, one.what["name"]) for one in wrong if one.kind == "queues" and one.how == "missing"}
    for vhost in _vhosts_without(wrong):
        url = place.amqp_urls[REPAIRER][vhost]
        publisher = PutBack(url) if bound is not None else None
        try:
            for queue in ASIDE[vhost]:
                if (vhost, queue) not in missing:
                    go_through(url, vhost, queue, routes, publisher, looked, bound, choice)
        finally:
            if publisher is not None:
                publisher.close()
    return looked


def _say_differences(wrong: Sequence[Difference]) -> None:
    for line in differences.summary(wrong):
        print(f"{line[0].upper()}{line[1:]}.")
    if any(one.for_a_person for one in wrong):
        print("What is there but not as declared is left alone: empty and delete it, then run this again.")


def say_messages(looked: Looked, *, only_what_stays: bool = False) -> None:
    """Print what was seen, by where it lies and where it goes."""
    before = None
    for kind, count in sorted(looked.kinds.items()):
        if kind.stays or not only_what_stays:
            if (what := (kind.vhost, kind.queue, kind.fate)) != before:
                print(f"In {kind.queue} ({kind.vhost}), {kind.fate}:")
                before = what
            print(f"{count:>9,}  {kind.contract}, from {kind.sender}")
