"""The entrance by HTTP as a process on the suite's servers, a client of it, and what has come of what was sent."""

import hashlib
import http.client
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

import contracts
from deploy.local.state import free_ports
from messaging import database, topology
from messaging.broker import CONTENT_TYPE
from tests.databases import fresh
from tests.messaging.harness import HURRIED, ROOT, WITHIN, Probe, Process
from tests.waiting import eventually

BATCH = "application/cloudevents-batch+json"
PATH = "/v1/messages"
DATABASE = "gateway_entered"  # not the network's own, which other tests look at
# Only where nobody else has made them yet: what the courier writes (hub/gateway/migrations/0002).
REFUSAL_COUNT = """
    create table if not exists refusal_count (
        organisation text, code text, entrance text, minute timestamptz, count bigint, first_message uuid,
        primary key (organisation, code, entrance, minute))
"""


def api_key(organisation: str, seed: str = "a", environment: str = "live") -> str:
    """A key as `./ruta provision` makes them, the same for the same seed."""
    secret = (hashlib.sha256(seed.encode()).hexdigest() * 2)[:43]
    begun = f"ruta_{environment}_{organisation}_{secret}"
    return f"{begun}_{zlib.crc32(begun.encode()):08x}"


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        said = self.json
        return said.get("code") if isinstance(said, dict) else None


class Client:
    """One connection of somebody who calls."""

    def __init__(self, port: int, key: str | None) -> None:
        self._key = key
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answered:
        """Ask; headers may be there twice."""
        given = list(headers.items() if isinstance(headers, Mapping) else headers)
        names = {name.lower() for name, _ in given}
        connection = self._connection
        try:
            connection.putrequest(method, path)
            if self._key is not None and "authorization" not in names:
                connection.putheader("Authorization", f"Bearer {self._key}")
            if body is not None and not names & {"content-length", "transfer-encoding"}:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in given:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            return Answered(answer.status, answer.headers, answer.read())
        except BaseException:
            connection.close()
            raise

    def post(self, body: bytes | contracts.Message, **headers: str) -> Answered:
        """Send one message in structured form; headers by their names with _ for -."""
        raw = body if isinstance(body, bytes) else body.to_json()
        given = {"content-type": CONTENT_TYPE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.ask("POST", PATH, raw, given)

    def post_batch(self, bodies: Sequence[bytes], **headers: str) -> Answered:
        """Send several."""
        return self.post(b"[" + b",".join(bodies) + b"]", content_type=BATCH, **headers)

    def close(self) -> None:
        self._connection.close()


class Entrance:
    """The process, its database and its queues."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        stack = probe.stack
        self.database_url = fresh(stack, DATABASE, ROOT / "hub" / "gateway")
        self.query(REFUSAL_COUNT)
        self.amqp_url = stack.amqp_url(topology.GATEWAY_HTTP, topology.HUB)
        self.queues = [topology.submitted_queue(name, None) for name in ("redcross", "iom", "americares")]
        self.queues.append(topology.submitted_queue("redcross", "attendance"))
        self.empty()
        self.keys = {name: api_key(name) for name in ("redcross", "iom", "americares")}
        for name, key in self.keys.items():
            self.add_key(key, name)
        (self.port,) = free_ports(1)
        self._clients: list[Client] = []

    def empty(self) -> None:
        """Throw away what stands in the queues, and what is on its way there: it would come into the next test."""
        eventually(lambda: not self.query("select from outbox_writer where published < committed"))
        self.probe.empty(*self.queues)

    def add_key(self, key: str, organisation: str, system: str | None = None, **columns: Any) -> None:
        """Make a key known."""
        digest = hashlib.sha256(key.encode()).digest()
        named = {"sha256": digest, "organisation": organisation, "system": system, **columns}
        places = ", ".join(f"%({name})s" for name in named)
        self.query(f"insert into api_key ({', '.join(named)}) values ({places})", named)

    def environment(self, **more: str) -> dict[str, str]:
        return {"GATEWAY_DATABASE_URL": self.database_url, "GATEWAY_HUB_AMQP_URL": self.amqp_url, **more}

    def process(self, *, tampered: Mapping[str, str] | None = None, **environment: str) -> Process:
        """The process, not started yet."""
        listens = {"GATEWAY_HTTP_LISTEN": f"127.0.0.1:{self.port}"}
        return self.probe.process(["hub.gateway.http"], tampered, self.environment(**listens, **environment))

    def limited(self, limits: Mapping[str, float] | None = None, fault: str | None = None) -> tuple[Process, int]:
        """The process with other limits of a connection or a fault of limited.FAULTS, not started yet; and its port."""
        (port,) = free_ports(1)
        words = ["tests.hub.http.limited", json.dumps(limits or {}), *([fault] if fault else [])]
        environment = self.environment(GATEWAY_HTTP_LISTEN=f"127.0.0.1:{port}")
        return self.probe.process(words, None, environment), port

    def relay(self, *, tampered: Mapping[str, str] | None = None) -> Process:
        """The relay of its outbox, not started yet."""
        hurried = {"CONSTANTS": json.dumps({"messaging.relay.PATIENCE": "1 second", **HURRIED}), **(tampered or {})}
        environment = {
            "SERVICE_NAME": "gateway",
            "SERVICE_DATABASE_URL": self.database_url,
            "SERVICE_AMQP_URL": self.amqp_url,
        }
        return self.probe.process(["messaging.relay"], hurried, environment)

    def client(self, organisation: str | None = "redcross", *, key: str | None = None) -> Client:
        """Somebody who calls with a key, or without."""
        self._clients.append(Client(self.port, key or (self.keys[organisation] if organisation else None)))
        return self._clients[-1]

    def query(self, sql: Any, params: Any = ()) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    def submissions(self) -> set[UUID]:
        return {row["message_id"] for row in self.query("select message_id from submission")}

    def arrived(self, atleast: int, *, queue: str = "submitted.redcross") -> list[bytes]:
        """Take what stands in a queue, waiting until so much is there."""
        return self.probe.bodies(queue, atleast)

    def close(self) -> None:
        for client in self._clients:
            client.close()
