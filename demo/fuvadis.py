"""FUVADIS's own system, written by somebody else: it knows Ruta's published schemas and AMQP, and none of its code.

    python fuvadis.py HOME DIRECTORY SCHEMAS

HOME holds its key (private.jwk), what it was handed (credentials.json) and its log, a text file to which lines are only
ever added, on the disk before anything that depends on them. DIRECTORY names everyone's public keys, SCHEMAS is the
folder of published schemas. The staff's plan for the day comes on standard input, one line of JSON, then one line for
each new day.
"""

import base64
import contextlib
import hashlib
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections import defaultdict, deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import amqp
from joserfc import jwe
from joserfc.jwk import ECKey
from jsonschema import Draft202012Validator

Record = dict[str, Any]

SEALING = ["ECDH-ES+A256KW", "A256GCM"]
LOST = (amqp.exceptions.AMQPError, OSError, EOFError)


class Log:
    """log.jsonl, and what it says when it is read again."""

    def __init__(self, path: Path) -> None:
        self.steps: dict[str, Record] = {}  # step → what is known of its message
        self.seen: dict[str, Record] = {}  # id of each message received → its record
        self.numbers: dict[tuple[str, int], str] = {}  # (referral, number) → id of the message
        if path.exists():
            whole, newline, _torn = path.read_bytes().rpartition(b"\n")
            os.truncate(path, len(whole) + len(newline))  # the line that was being written when we were killed
            for line in whole.splitlines():
                self._remember(json.loads(line))
        self._file = path.open("ab")

    def add(self, *records: Record) -> None:
        """Write the records and return when the disk has them."""
        if records:
            self._file.write("".join(json.dumps(record) + "\n" for record in records).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        for record in records:
            self._remember(record)

    def close(self) -> None:
        self._file.close()

    def _remember(self, record: Record) -> None:
        if "received" in record:
            self.seen.setdefault(record["received"], record)
            if record["sequence"]:
                self.numbers.setdefault((record["referral"], record["sequence"]), record["received"])
        elif record["state"] == "attempted":
            self.steps.setdefault(record["step"], record)
        else:
            self.steps[record["step"]] = {**self.steps[record["step"]], **record}

    def unfinished(self) -> list[str]:
        return [name for name, record in self.steps.items() if record["state"] in ("attempted", "unknown")]


class Plan:
    """What the staff want sent, and when."""

    def __init__(self, plan: Record, log: Log) -> None:
        self.steps = {step["step"]: step for step in plan["steps"]}
        self.window = plan["window"]
        self.day = 1
        self.openings: deque[Record] = deque()
        self.answers: deque[Record] = deque()
        self.awaited: set[tuple[str, int]] = set()
        self.after: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        for step in plan["steps"]:
            after = step["after"] and tuple(step["after"])
            if step["step"] in log.steps:
                self.note_sent(step, log)
            elif after is None:
                self.openings.append(step)
            elif after in log.numbers:
                self.answers.append(step)
            else:
                self.after[after].append(step)

    def note_sent(self, step: Record, log: Log) -> None:
        if step["after"] is None and step["expects"] and tuple(step["expects"]) not in log.numbers:
            self.awaited.add(tuple(step["expects"]))

    def came(self, number: tuple[str, int]) -> None:
        self.awaited.discard(number)
        self.answers.extend(self.after.pop(number, ()))

    def next(self) -> Record | None:
        for _ in range(len(self.answers)):
            step = self.answers.popleft()
            if step["day"] <= self.day:
                return step
            self.answers.append(step)
        if self.openings and len(self.awaited) < self.window:
            return self.openings.popleft()
        return None

    def due(self) -> int:
        return len(self.openings) + len([step for step in self.answers if step["day"] <= self.day])


class System:
    """One connection, one log, one loop."""

    def __init__(self, home: Path, directory: Path, schemas: Path) -> None:
        self.access = json.loads((home / "credentials.json").read_text())
        self.me = self.access["organisation"]
        self.urls = deque(self.access["amqp_urls"])
        private = json.loads((home / "private.jwk").read_text())
        self.key, self.key_id = ECKey.import_key(private), private["kid"]
        everyone = json.loads(directory.read_text())["organisations"]
        self.keys = {name: entry["public_key"] for name, entry in everyone.items()}
        self.schemas = schemas
        self.validators: dict[str, Any] = {}
        self.log = Log(home / "log.jsonl")
        self.inbox: list[tuple[Any, float]] = []
        self.clock_offset = 0.0
        self.stopped = False
        self.sent = self.received = 0
        self.said: tuple[Record, float] = ({}, 0.0)

    def run(self) -> None:
        plan = sys.stdin.readline()
        if not plan:
            return
        self.plan = Plan(json.loads(plan), self.log)
        self.again = deque(self.log.unfinished())
        self.doubt()
        threading.Thread(target=self.listen_to_staff, daemon=True).start()
        while not self.stopped:
            connection = None
            try:
                connection = self.connect()
                while not self.stopped:
                    busy = self.send()
                    self.hear(connection, 0.001 if busy else 0.02)
                    self.take_in()
                    self.say()
            except LOST:
                self.inbox.clear()
                self.urls.rotate(-1)  # to the broker's next host
                self.doubt()
                time.sleep(0.5)
            finally:
                if connection is not None:
                    connection.collect()
        self.log.close()

    def listen_to_staff(self) -> None:
        for line in sys.stdin:
            order = json.loads(line)
            self.clock_offset = order["clock_offset"]
            self.plan.day = order["day"]
        self.stopped = True

    def connect(self) -> Any:
        url = self.urls[0].removeprefix("amqp://")
        login, _, place = url.rpartition("@")
        user, _, password = login.partition(":")
        host, _, vhost = place.partition("/")
        connection = amqp.Connection(
            host=host,
            userid=user,
            password=password,
            virtual_host=vhost,
            confirm_publish=True,
            heartbeat=30,
            connect_timeout=10,
        )
        connection.connect()
        self.connection = connection
        self.out, self.into = connection.channel(), connection.channel()
        self.into.basic_qos(0, 400, False)
        self.into.basic_consume(self.access["queue"], callback=lambda frame: self.inbox.append((frame, time.time())))
        print(f"ready {self.me}", flush=True)
        return connection

    # what comes

    def hear(self, connection: Any, patience: float) -> None:
        with contextlib.suppress(TimeoutError):
            while len(self.inbox) < 200:
                connection.drain_events(timeout=patience)
                patience = 0.001
        connection.heartbeat_tick()

    def take_in(self) -> None:
        frames, self.inbox = self.inbox, []
        records: list[Record] = []
        for frame, at in frames:
            body = frame.body if isinstance(frame.body, bytes) else frame.body.encode()
            message = json.loads(body)
            self.validate(message)
            if message["type"] == "referral.offered.v1":
                self.open(message["data"]["request"]["sealed"])
            known = message["id"] in self.log.seen or any(message["id"] == record["received"] for record in records)
            records.append(self.record(message, frame.delivery_info["redelivered"], at) | {"applied": not known})
        new = [record for record in records if record["applied"]]
        self.log.add(*records)
        if frames:
            self.into.basic_ack(frames[-1][0].delivery_tag, multiple=True)
        for record in new:
            if record["sequence"]:
                self.plan.came((record["referral"], record["sequence"]))
            self.say_again(record["missed"])
        self.received += len(records)

    def say_again(self, ids: list[str]) -> None:
        """The network has lost these: they are published as they were."""
        for name in [name for name, one in self.log.steps.items() if one["state"] == "confirmed" and one["id"] in ids]:
            self.log.add({"step": name, "state": "unknown", "publishes": self.log.steps[name]["publishes"] + 1})
            self.again.append(name)

    def record(self, message: Record, redelivered: bool, at: float) -> Record:
        data = message["data"]
        number = int(message["sequence"]) if "sequence" in message else None
        refused = message["type"] == "message.refused.v1"
        return {
            "received": message["id"],
            "type": message["type"],
            "referral": message["subject"] if number else None,
            "sequence": number,
            "cause": message.get("causationid"),
            "redelivered": bool(redelivered),
            "at": at,
            "refusal": {"sha256": data["body_sha256"], "code": data["code"]} if refused else None,
            "missed": data["ids"] if message["type"] == "messages.missed.v1" else [],
        }

    # what goes

    def send(self) -> bool:
        if not self.again:
            step = self.plan.next()
            if step is None:
                return False
            body, message_id = self.write(step)
            self.log.add(
                {
                    "step": step["step"],
                    "state": "attempted",
                    "id": message_id,
                    "type": step["type"],
                    "subject": step["subject"],
                    "sha256": hashlib.sha256(body).hexdigest(),
                    "body": base64.b64encode(body).decode(),
                    "publishes": step["copies"],
                    "confirms": 0,
                    "at": time.time(),
                }
            )
            self.plan.note_sent(step, self.log)
            self.again.append(step["step"])
        name = self.again[0]
        known = self.log.steps[name]
        at = known["at"] if known["confirms"] else time.time()
        state, confirms = self.publish(self.plan.steps[name], base64.b64decode(known["body"]))
        if state == "no room":
            time.sleep(0.5)
            return False
        self.again.popleft()
        self.log.add({"step": name, "state": state, "confirms": known["confirms"] + confirms, "at": at})
        self.sent += confirms
        return True

    def doubt(self) -> None:
        """The broker may have what it did not confirm, and will be sent it again."""
        for name in self.log.unfinished():
            self.log.add({"step": name, "state": "unknown", "publishes": self.log.steps[name]["publishes"] + 1})

    def write(self, step: Record) -> tuple[bytes, str | None]:
        if "raw" in step:
            return base64.b64decode(step["raw"]["body"]), step.get("message_id")
        data = dict(step["data"])
        if "seal" in step:
            data["sealed"] = self.seal(step["seal"]["clear"], self.keys[step["seal"]["to"]])
        message = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": self.me,
            "type": step["type"],
            "subject": step["subject"],
            "time": (datetime.now(UTC) + timedelta(seconds=self.clock_offset)).isoformat(),
            "datacontenttype": "application/json",
            "data": data,
        }
        if step["after"]:
            message["causationid"] = self.log.numbers[tuple(step["after"])]
        self.validate(message)
        return json.dumps(message, ensure_ascii=False).encode(), message["id"]

    def publish(self, step: Record, body: bytes) -> tuple[str, int]:
        raw = step.get("raw", {})
        message = amqp.Message(
            body,
            content_type=raw.get("content_type", "application/cloudevents+json"),
            user_id=raw.get("user_id", self.me),
            delivery_mode=2,
        )
        key = raw.get("routing_key", f"{self.me}.{step['type']}")
        confirms = 0
        for _ in range(step["copies"]):
            try:
                self.out.basic_publish(
                    message, self.access["exchange"], key, mandatory=True, timeout=10, confirm_timeout=10
                )
            except amqp.exceptions.MessageNacked:
                self.out.close()
                self.out = self.connection.channel()  # the old one might refuse for good
                return "no room", confirms
            except amqp.exceptions.ChannelError:
                self.out = self.connection.channel()
                return "failed", confirms
            confirms += 1
        return "confirmed", confirms

    # the published words

    def validate(self, message: Record) -> None:
        kind = message["type"]
        if kind not in self.validators:
            schema = json.loads((self.schemas / f"{kind}.json").read_text())
            self.validators[kind] = Draft202012Validator(schema)
        self.validators[kind].validate(message)

    def seal(self, clear: Record, key: Record) -> str:
        header = {"alg": SEALING[0], "enc": SEALING[1], "kid": key["kid"]}
        return jwe.encrypt_compact(header, json.dumps(clear).encode(), ECKey.import_key(key), algorithms=SEALING)

    def open(self, sealed: str) -> Any:
        return json.loads(jwe.decrypt_compact(sealed, self.key, algorithms=SEALING).plaintext or b"null")

    def say(self) -> None:
        now = {"confirmed": self.sent, "received": self.received, "due": self.plan.due() + len(self.again)}
        if now != self.said[0] and time.monotonic() - self.said[1] > 0.1:
            print(json.dumps(now), flush=True)
            self.said = now, time.monotonic()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    System(*map(Path, sys.argv[1:4])).run()
