"""What the load of `bench http` says: requests for referrals of 1,077 bytes, each sealed to its recipient."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import contracts
from bench import requests
from bench.http.load import Asked, request
from contracts import sealing

BYTES: Final = 1_077
BATCH: Final = 50
ONE_TYPE: Final = "application/cloudevents+json"
BATCH_TYPE: Final = "application/cloudevents-batch+json"
RECIPIENT: Final = "iom"
PATH: Final = "/v1/messages"
MESSAGE, REFERRAL = "<message>", "<referral>"


def pattern(source: str, recipients_key: sealing.Key) -> str:
    """One message as JSON, of BYTES when its ids are filled in, without what may be left out."""
    template = requests.template()
    for padding in range(BYTES):
        block = {"given_names": "P" * (padding + 1)}
        data = template.data.model_copy(
            update={"recipient": RECIPIENT, "sealed": sealing.seal(block, recipients_key)},
        )
        draft = contracts.Draft(data, subject=str(template.data.referral_id))
        message = contracts.stamp(draft, source=source, time=datetime.now(UTC), id=template.id)
        said = json.loads(message.to_json())
        del said["correlationid"]
        body = json.dumps(_without_empty(said), separators=(",", ":"))
        if len(body) > BYTES - 4:  # of base64 not every length can be had
            break
    body = body.replace(":", ":" + " " * (BYTES - len(body)), 1)
    return body.replace(str(template.id), MESSAGE).replace(str(template.data.referral_id), REFERRAL)


def _without_empty(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _without_empty(value) for name, value in said.items() if value not in ([], False)}
    return said


def one_by_one(host: str, said: str, key: str | None) -> Iterator[Asked]:
    """Requests with a message each, without an end."""
    ids = random.Random()  # noqa: S311 - nothing is secret about it; each run has ids of its own
    while True:
        message_id, body = _fill(said, ids)
        yield Asked(request(host, PATH, ONE_TYPE, body.encode(), key), (message_id,))


def in_batches(host: str, said: str, key: str | None) -> Iterator[Asked]:
    """Requests with BATCH messages each, without an end."""
    ids = random.Random()  # noqa: S311
    while True:
        made = [_fill(said, ids) for _ in range(BATCH)]
        body = "[" + ",".join(body for _, body in made) + "]"
        yield Asked(request(host, PATH, BATCH_TYPE, body.encode(), key), tuple(message_id for message_id, _ in made))


def _fill(said: str, ids: random.Random) -> tuple[str, str]:
    message_id, referral_id = (str(UUID(int=ids.getrandbits(128), version=4)) for _ in range(2))
    return message_id, said.replace(MESSAGE, message_id).replace(REFERRAL, referral_id)
