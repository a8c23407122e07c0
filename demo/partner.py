"""An organisation's own system: a process that has its broker user, its key, the contracts, and a log on its own disk.

It follows the plan that its staff give it on standard input, and answers what comes to its inbox. Killed at any point,
it goes on where its log says: what has no confirm is sent again as it was, what was delivered and not acknowledged
comes again and is known. Given the plan anew, it does nothing twice. What the network has lost and asks for, it sends
again as it was.

    python -m demo.partner HOME DIRECTORY      HOME: its key and what it was handed; DIRECTORY: everyone's public keys
"""

import argparse
import base64
import hashlib
import json
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import amqp
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message as Frame
from kombu.messaging import Consumer

import contracts
from contracts import sealing
from demo.partner_channel import NotOursToSendError, Outgoing, Parcel
from demo.partner_log import Attempt, Delivery, PartnerLog, Read, Refusal
from demo.plan import Plan, Step, number

CONTENT_TYPE = "application/cloudevents+json"
READ_AT_ONCE = 200  # deliveries that are logged, and then acknowledged, together
SEND_AT_ONCE = 50  # messages that are logged, then published, then confirmed together
RETRY_AFTER = 0.5  # seconds, when the broker is away or has no room
SAY_EVERY = 0.1  # seconds between two lines of progress

BrokerLost = (amqp.exceptions.AMQPError, OSError, EOFError)
Order = dict[str, Any]


class Partner:
    """The organisation's process: one connection, one log, one loop."""

    def __init__(self, home: Path, directory: Path) -> None:
        credentials = json.loads((home / "credentials.json").read_text())
        self.organisation: str = credentials["organisation"]
        self._urls: deque[str] = deque(credentials["amqp_urls"])  # one for each host of the broker, tried in turn
        systems = credentials["systems"].values()
        # This is all of the organisation's systems, but for a service that it runs itself.
        self._queues = [credentials["queue"], *(one["queue"] for one in systems if one["runs"] is None)]
        self._exchange: str = credentials["exchange"]
        self._key = sealing.load_key(home / "private.jwk")
        known = json.loads(directory.read_text())["organisations"]
        self._public_keys = {name: entry["public_key"] for name, entry in known.items()}
        self._log = PartnerLog(home / "log.sqlite")
        self._numbers = self._log.numbers()
        self._unsent: deque[tuple[str, bytes]] = deque()  # logged, and not confirmed yet
        self._inbox: list[tuple[Frame, float]] = []
        self._clock_offset = timedelta()
        self._stopping = threading.Event()
        self._progress = {"confirmed": 0, "received": 0, "due": 0}
        self._said: tuple[float, dict[str, int]] = (0.0, {})  # when it was last told, and what

    def run(self, orders: TextIO) -> None:
        """Follow the orders on `orders`, first the plan and then the days, until they end."""
        plan = json.loads(orders.readline() or "null")
        if plan is None:
            return
        self._take_up(plan)
        self._unsent.extend(self._log.resume())
        begun = self._log.answered_steps() | {step for step, _ in self._unsent}
        self._orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
        self._plan.begin(begun, set(self._numbers))
        threading.Thread(target=self._read_orders, args=(orders,), daemon=True).start()
        while not self._stopping.is_set():
            self._session()
        self._log.close()

    def _session(self) -> None:
        """Work until the orders end or the connection does."""
        connection = Connection(self._urls[0], heartbeat=30)
        try:
            self._work(connection)
        except BrokerLost:
            self._inbox.clear()  # what was not acknowledged comes again
            self._urls.rotate(-1)
            self._stopping.wait(RETRY_AFTER)
        finally:
            connection.collect()  # drops the socket: close() would wait for a broker that may not answer

    def _take_up(self, plan: Order) -> None:
        self._plan = Plan(plan["steps"], plan["window"], plan.get("first_day", 1))

    def _work(self, connection: Any) -> None:
        self._outgoing = self._channel_for(connection)
        incoming = connection.channel()
        incoming.basic_qos(0, 2 * READ_AT_ONCE, False)
        inboxes = [Queue(name, channel=incoming, no_declare=True) for name in self._queues]
        with Consumer(incoming, inboxes, on_message=self._keep, auto_declare=False):
            print(f"ready {self.organisation}", flush=True)
            while not self._stopping.is_set():
                self._take_orders()
                busy = self._send_due()
                self._listen(connection, patience=0.001 if busy else 0.02)
                self._take_in(incoming)
                self._say_progress()

    def _channel_for(self, connection: Any) -> Any:
        """What publishes."""
        return Outgoing(connection, self._exchange)

    # Receiving

    def _keep(self, frame: Frame) -> None:
        self._inbox.append((frame, time.time()))

    def _listen(self, connection: Any, patience: float) -> None:
        try:
            while len(self._inbox) < READ_AT_ONCE:
                connection.drain_events(timeout=patience)
                patience = 0.001
        except TimeoutError:
            connection.heartbeat_check()

    def _take_in(self, channel: Any) -> None:
        """Log what came, act on what is new, and only then acknowledge."""
        if not self._inbox:
            return
        frames, self._inbox = self._inbox, []
        self._apply(
            [(contracts.parse(_bytes(frame.body)), frame.delivery_info["redelivered"], at) for frame, at in frames]
        )
        channel.basic_ack(frames[-1][0].delivery_tag, multiple=True)
        self._progress["received"] += len(frames)

    def _apply(self, came: Iterable[tuple[contracts.Message, bool, float]], reads: Iterable[Read] = ()) -> None:
        """Log messages (whether the broker said that it gave them before; when) and act on those that are new."""
        deliveries, refusals, read = [], [], []
        for message, redelivered, at in came:
            read.append(message)
            deliveries.append(_delivery(message, redelivered=redelivered, at=at))
            if isinstance(message.data, contracts.MessageRefused):
                refusals.append(_refusal(message))
            elif isinstance(message.data, contracts.ReferralOffered):
                sealing.open_sealed(message.data.request.sealed, self._key)  # it can be read, and is not kept
        messages = {str(message.id): message for message in read}
        for delivery in self._log.take_in(deliveries, refusals, reads):
            for step in self._answer(messages[delivery.message_id]):
                self._plan.add(step)
            if delivery.referral_id is not None and delivery.sequence is not None:
                self._numbers[delivery.referral_id, delivery.sequence] = delivery.message_id
                self._plan.saw((delivery.referral_id, delivery.sequence))
            data = messages[delivery.message_id].data
            if isinstance(data, contracts.MessagesMissed):
                self._unsent.extend(self._log.say_again(map(str, data.ids)))

    def _answer(self, message: contracts.Message) -> Iterable[Step]:
        """What follows from a message that nobody could plan for; here nothing."""
        return ()

    # Sending

    def _send_due(self) -> bool:
        """Publish what is due, what is left from before first; tell whether there was anything."""
        if not self._unsent:
            attempts = [self._attempt(step) for step in self._plan.take_due(SEND_AT_ONCE)]
            self._log.attempt(attempts)
            self._unsent.extend((attempt.step, attempt.body) for attempt in attempts)
        batch = self._next_batch()
        try:
            published = self._outgoing.publish([parcel for _, parcel in batch])
        except NotOursToSendError:
            answers = [(name, time.time(), "failed", 0) for name, _ in batch]
        except BrokerLost:
            self._log.answer([(name, time.time(), "unknown", 0) for name in dict(batch)])
            raise
        else:
            times: dict[str, list[float]] = {}
            for (name, _), at in zip(batch, published, strict=True):
                if at is not None:
                    times.setdefault(name, []).append(at)
            answers = [(name, min(at), "confirmed", len(at)) for name, at in times.items()]
        self._log.answer(answers)
        answered = {name for name, *_ in answers}
        self._unsent = deque(one for one in self._unsent if one[0] not in answered)
        self._progress["confirmed"] += sum(confirms for *_, confirms in answers)
        if len(answered) < len(dict(batch)):
            self._stopping.wait(RETRY_AFTER)  # the broker has no room
        return bool(batch)

    def _next_batch(self) -> list[tuple[str, Parcel]]:
        """What to publish together: what the broker may not take goes alone, because it would take the rest with it."""
        batch: list[tuple[str, Parcel]] = []
        for name, body in islice(self._unsent, SEND_AT_ONCE):
            step = self._plan.steps[name]
            raw = step.get("raw")
            if raw and batch:
                break
            key, kind, user = f"{self.organisation}.{step['type']}", CONTENT_TYPE, self.organisation
            if raw:
                key, kind, user = raw["routing_key"], raw["content_type"], raw["user_id"]
            batch += [(name, Parcel(body, key, kind, user))] * step["copies"]
            if raw:
                break
        return batch

    def _attempt(self, step: Step) -> Attempt:
        if "raw" in step:
            body, message_id = base64.b64decode(step["raw"]["body"]), step.get("message_id")
        else:
            message = self._write(step)
            body, message_id = message.to_json(), str(message.id)
        digest = hashlib.sha256(body).hexdigest()
        return Attempt(
            step["step"], message_id, step["type"], step["subject"], digest, body, step["copies"], time.time()
        )

    def _write(self, step: Step) -> contracts.Message:
        contract = contracts.CONTRACTS[step["type"]]
        data = dict(step["data"])
        if "seal" in step:
            data["sealed"] = sealing.seal(step["seal"]["clear"], self._public_keys[step["seal"]["to"]])
        draft = contracts.Draft(contract.data.model_validate_json(json.dumps(data)), step["subject"])
        message = contracts.stamp(draft, source=self.organisation, time=datetime.now(UTC) + self._clock_offset)
        after = number(step["after"])
        return message.model_copy(update={"causationid": self._numbers[after]}) if after else message

    # Orders and progress

    def _read_orders(self, orders: TextIO) -> None:
        for line in orders:
            self._orders.put(json.loads(line))
        self._stopping.set()  # whoever gave the orders is gone

    def _take_orders(self) -> None:
        while not self._orders.empty():
            order = self._orders.get()
            assert order is not None
            self._clock_offset = timedelta(seconds=order["clock_offset"])
            self._turn_to(order["day"])

    def _turn_to(self, day: int) -> None:
        self._plan.turn_to(day)

    def _say_progress(self) -> None:
        self._progress["due"] = self._plan.due + len(self._unsent)
        now = time.monotonic()
        if self._progress != self._said[1] and now - self._said[0] > SAY_EVERY:
            print(json.dumps(self._progress), flush=True)
            self._said = (now, dict(self._progress))


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


def _delivery(message: contracts.Message, *, redelivered: bool, at: float) -> Delivery:
    numbered = message.sequence is not None
    return Delivery(
        message_id=str(message.id),
        kind=message.type,
        referral_id=message.subject if numbered else None,
        sequence=message.sequence,
        causation_id=str(message.causationid) if message.causationid else None,
        redelivered=bool(redelivered),
        at=at,
    )


def _refusal(message: contracts.Message) -> Refusal:
    data = message.data
    refused_id = str(data.refused_id) if data.refused_id else None
    return Refusal(str(message.id), refused_id, data.body_sha256, data.code, data.where)


def main(kind: type[Partner] = Partner) -> None:
    """Run one organisation's system until its standard input ends."""
    reader = argparse.ArgumentParser(description=main.__doc__)
    reader.add_argument("home", type=Path)
    reader.add_argument("directory", type=Path)
    told = reader.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us, who then ends our orders
    kind(told.home, told.directory).run(sys.stdin)


if __name__ == "__main__":
    main()
