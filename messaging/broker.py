"""Connections to the broker, and a publisher whose confirms can neither be missed nor waited for in vain.

Built on py-amqp, the client that kombu and nameko use. It works the same inside eventlet and outside it.
"""

import contextlib
import logging
import random
import time
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple
from uuid import UUID

import amqp
from amqp.exceptions import ConsumerCancelled, UnexpectedFrame
from amqp.spec import Basic

from messaging import addresses
from messaging.frames import Connection, NoAnswerError, publication_frames
from messaging.health import health
from messaging.log import describe, fields

# Seconds; who froze, or is not heard, is noticed after two of them here, and after two or three by the broker: within a
# minute it delivers again what it has sent to a connection that was given up without its hearing of it.
HEARTBEAT = 15
CONNECT_WITHIN = 10.0  # seconds for each host, until the broker there has opened the virtual host
ANSWER_WITHIN = 10.0  # seconds for the broker to answer a method, and to take or confirm what was published
LOOK_AFTER = 20.0  # seconds without a delivery before a consumer looks whether the broker takes some to be with it
RECONNECT_WITHIN = 5.0  # seconds at most between attempts to reach a server that is away
QUIET = 0.1  # seconds without a delivery before a consumer is cancelled: a quorum queue takes back what is on its way
SEND_AT_ONCE = 1024 * 1024  # bytes
CONTENT_TYPE = "application/cloudevents+json"

log = logging.getLogger("ruta.broker")

# What a broken or unusable connection raises, whichever layer noticed it first.
BrokerLost = (amqp.exceptions.AMQPError, OSError, EOFError)


def backoff(attempt: int) -> float:
    """Return the seconds to wait before the next attempt to reach a server, never in step with other processes."""
    return float(min(0.1 * 2 ** min(attempt, 10), RECONNECT_WITHIN)) * random.uniform(0.5, 1)  # noqa: S311 - no secret


def connect(url: str, *, within: float | None = None) -> Connection:
    """Open a connection to `amqp://user:password@host:port/vhost` (or `amqps://…`), which may name several hosts.

    They are tried in turn, each for CONNECT_WITHIN (or `within`, for whoever only looks), beginning with the one that
    answered last in this process. One that refuses the connection, says nothing, or does not open the virtual host (a
    node that is still starting) leads to the next. Raises the last one's error, one of `BrokerLost`; a wrong password
    at once; AddressError for what cannot be read. A write that the broker does not take within ANSWER_WITHIN fails: an
    alarm on the broker stops reading without a word, and a publisher must not hang on it.
    """
    address = addresses.read(url, addresses.BROKER)
    *others, last = addresses.in_turn(address.hosts)
    for host in others:
        try:
            return _connect(address, host, within)
        except amqp.exceptions.AccessRefused:
            raise
        except BrokerLost as error:
            log.warning(
                "a host of the broker is away; the next is tried", extra=fields(what=host, error=describe(error))
            )
    return _connect(address, last, within)


def _connect(address: addresses.Address, host: addresses.Host, within: float | None) -> Connection:
    connection = Connection(
        answer_within=ANSWER_WITHIN,
        host=str(host),
        userid=address.user or "guest",
        password="guest" if address.password is None else address.password,
        virtual_host=address.path or "/",
        ssl={"server_hostname": host.name} if address.scheme == "amqps" else False,
        heartbeat=HEARTBEAT,
        connect_timeout=within or CONNECT_WITHIN,
    )
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER_WITHIN)
    except BaseException:
        drop(connection)
        raise
    connection.reached = address.hosts, host
    addresses.answered(address.hosts, host)
    return connection


def drop(connection: Connection | None) -> None:
    """Close the socket at once, asking nobody: `close()` waits for an answer that a stopped broker never gives.

    The next connection begins with another host, where there is one.
    """
    if connection is not None:
        if connection.reached is not None:
            addresses.failed(*connection.reached)
        with contextlib.suppress(Exception):
            connection.collect()


def look_after(connection: Connection, channel: Any, queues: Iterable[str]) -> None:
    """Have the broker deliver again what it takes to be with a consumer that has nothing: it was swallowed on its way.

    Or its acknowledgement was: then it is a repeat. What was swallowed had a tag, so the first that comes again shows
    the gap, and ends the connection: a new one gets everything, in order. Where nothing was, the consumer stays as it
    is, and keeps its place as the one that reads the queue. Nothing that came by this channel may be in hand. Raises
    one of `BrokerLost`, also where the broker has ended a consumer and that was not heard.
    """
    for queue in queues:
        if channel.queue_declare(queue, passive=True).consumer_count == 0:
            raise ConsumerCancelled(f"nobody reads the queue {queue}")
    channel.send_method(Basic.Recover, "b", (True,), wait=Basic.RecoverOk)
    connection.delivered.clear()  # what came before the answer comes again, too


def problem(error: BaseException) -> str:
    """Return the code for what keeps a process from the broker (`messaging.health`), such as that it is away."""
    if isinstance(error, amqp.exceptions.AccessRefused | amqp.exceptions.NotAllowed):
        return "refused"  # the user is unknown there, or the virtual host
    if isinstance(error, amqp.exceptions.NotFound):
        return "incomplete"  # it lacks an exchange
    return "no_answer" if isinstance(error, NoAnswerError | TimeoutError | UnexpectedFrame) else "away"


class Publication(NamedTuple):
    """One message on its way out: where to, what, and the id that the broker and the recipient see."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: UUID | str


class Publisher:
    """Publishes many messages, then waits once for all of their confirms.

    Not for use from two threads. After any exception the connection is gone; the next call opens a new one.
    """

    def __init__(self, url: str, *, server: str | None = None, part: str | None = None) -> None:
        """`server` and `part` are what `messaging.health` knows the broker and the publishing by; None: by nothing."""
        self._url = url
        self._server = server
        self._part = part
        self._used = False
        self._user = addresses.read(url, addresses.BROKER).user or "guest"
        self._connection: Connection | None = None
        self._channel: Any = None
        self._last_tag = 0
        self._has_refused = False  # something, by this channel
        self._unconfirmed: dict[int, int] = {}  # delivery tag → place in the batch
        self._failed: set[int] = set()
        self._returned: set[str] = set()  # message ids; a return comes before its confirm

    def publish(self, batch: Sequence[Publication]) -> set[int]:
        """Publish all of `batch` in order and wait for the broker's word on each.

        Returns the places in the batch that the broker refused or could not route (empty when all is well). Raises
        one of `BrokerLost` when the connection fails or the answers do not come within ANSWER_WITHIN: then nothing is
        known of the messages, and all are to be sent again.
        """
        if not batch:
            return set()
        try:
            channel = self._ready_channel()
            self._failed, self._returned, self._unconfirmed = set(), set(), {}
            self._send(channel, batch)
            self._await_confirms()
        except BaseException as error:
            self._lose(error)
            raise
        self._heard()
        if self._returned:
            self._failed |= {place for place, one in enumerate(batch) if str(one.message_id) in self._returned}
        return self._failed

    def beat(self) -> None:
        """Keep an idle connection alive, and open one that was lost; call it every few seconds.

        Raises one of `BrokerLost`.
        """
        if not self._used:
            return
        try:
            self._ready_channel()
            assert self._connection is not None
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=0.001)
            self._connection.heartbeat_tick()
        except BaseException as error:
            self._lose(error)
            raise
        self._heard()

    def drop(self) -> None:
        """Give up the connection without a word to the broker."""
        drop(self._connection)
        self._connection = self._channel = None

    def _lose(self, error: BaseException) -> None:
        self.drop()
        if self._server is not None and isinstance(error, BrokerLost):
            health.say(self._server, problem(error), describe(error))

    def _heard(self) -> None:
        """Note that the broker has answered."""
        if self._server is not None:
            health.over(self._server)

    def _goes_on(self) -> None:
        if self._part is not None:
            health.comes_round(self._part)

    def _ready_channel(self) -> Any:
        self._used = True
        if self._connection is None:
            self._goes_on()
            self._connection = connect(self._url)
        if self._channel is not None and self._has_refused:
            # A channel that came to a queue just when the queue's leader was lost refuses all that is for this queue
            # as long as the channel is open, though there is a new leader (RabbitMQ 3.10). A new one finds it.
            self._channel.close()
            self._channel = None
        if self._channel is None:
            self._channel = self._connection.channel()
            self._channel.confirm_select()
            self._channel.events["basic_ack"].add(self._confirmed)
            self._channel.events["basic_nack"].add(self._refused)
            self._channel.events["basic_return"].add(self._unroutable)
            self._last_tag, self._has_refused = 0, False
            self._goes_on()
        return self._channel

    def _send(self, channel: Any, batch: Sequence[Publication]) -> None:
        assert self._connection is not None
        frames: list[bytes] = []
        size = 0
        for place, one in enumerate(batch):
            self._last_tag += 1
            self._unconfirmed[self._last_tag] = place
            frames += publication_frames(
                channel.channel_id,
                self._connection.frame_max,
                one.exchange,
                one.routing_key,
                CONTENT_TYPE,
                str(one.message_id),
                self._user,
                one.body,
            )
            size += len(one.body)
            if size > SEND_AT_ONCE:
                self._connection.send_all(frames)
                self._goes_on()  # much takes long, but each piece has its time
                frames, size = [], 0
        if frames:
            self._connection.send_all(frames)

    def _await_confirms(self) -> None:
        assert self._connection is not None
        deadline = time.monotonic() + ANSWER_WITHIN
        while self._unconfirmed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the broker did not confirm in time")
            self._connection.drain_events(timeout=left)

    def _confirmed(self, tag: int, multiple: bool) -> None:
        for answered in self._answered(tag, multiple):
            self._unconfirmed.pop(answered, None)

    def _refused(self, tag: int, multiple: bool) -> None:
        self._has_refused = True
        for answered in self._answered(tag, multiple):
            if answered in self._unconfirmed:
                self._failed.add(self._unconfirmed.pop(answered))

    def _answered(self, tag: int, multiple: bool) -> list[int]:
        # tags ascend in the order of insertion
        return list(takewhile(lambda each: each <= tag, self._unconfirmed)) if multiple else [tag]

    def _unroutable(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        self._returned.add(message.properties["message_id"])
