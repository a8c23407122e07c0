"""A whole partner system on one page, by HTTP: it offers a service, sends a referral, and answers those it is offered.

    python first_referral_http.py HOME DIRECTORY                                      offer a service, and answer
    python first_referral_http.py HOME DIRECTORY --refer-to redcross:SERVICE_ID       send one referral, and follow it

HOME holds what your organisation was handed (credentials.json, private.jwk), DIRECTORY is everyone's public keys
(directory.json). Needs `pip install "./contracts[sealing]"`, for sealing. What a real system adds: it keeps what it
sends until it is answered, and the ids of what it has applied, in its own database.
"""

import argparse
import contextlib
import json
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from ruta_contracts import sealing

CLOUD_EVENT = "application/cloudevents+json"
AGAIN = (408, 429, 500, 503)  # what may be sent again as it is


class Partner:
    """One organisation on the network."""

    def __init__(self, home: Path, directory: Path) -> None:
        handed = json.loads((home / "credentials.json").read_text())
        self.name, self.url, self.api_key = handed["organisation"], handed["http_url"], handed["api_key"]
        self.key = sealing.load_key(home / "private.jwk")
        organisations = json.loads(directory.read_text())["organisations"]
        self.public_keys = {name: one["public_key"] for name, one in organisations.items()}

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        """Ask until there is an answer; the same bytes may be sent again, and are accepted once."""
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode())  # noqa: S310
        request.add_header("Authorization", f"Bearer {self.api_key}")
        request.add_header("Accept-Language", "en")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        while True:
            wait = 2
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code not in AGAIN:
                    raise SystemExit(f"{error.code} {error.read().decode()}") from None
                wait = int(error.headers.get("Retry-After", wait))
            except OSError:  # nobody is there just now, or the connection was cut
                pass
            time.sleep(wait)

    def send(self, kind: str, subject: str, data: dict[str, Any], cause: dict[str, Any] | None = None) -> None:
        """Send one message, and say what became of it."""
        message: dict[str, Any] = {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": self.name,
            "type": kind,
            "subject": subject,
            "time": datetime.now(UTC).isoformat(),
            "data": data,
        }
        if cause is not None:
            message |= {"causationid": cause["id"], "correlationid": cause.get("correlationid", cause["id"])}
        answer = self.ask("/v1/messages", message, Content_Type=CLOUD_EVENT, Prefer="wait=5")
        print(f"sent      {kind} {answer.get('state', 'accepted')}", flush=True)

    def offer_service(self) -> str:
        """Tell the network of a service; its id stays the same at every start."""
        service = str(uuid5(UUID(int=0), f"{self.name} general medicine"))
        offered = {"service_id": service, "name": "Medicina general", "need_codes": ["health.consultation"]}
        self.send("service.published.v2", service, {**offered, "active": True, "zones": ["08001"]})
        return service

    def refer(self, recipient: str, service: str) -> None:
        """Register a person, record their consent, and ask another organisation to see them."""
        now, person, consent, referral = datetime.now(UTC).isoformat(), *(str(uuid4()) for _ in range(3))
        block = {"given_names": "Prueba", "family_names": "De Red"}
        sealed = sealing.seal(block, self.public_keys["hub"])
        self.send("person.registered.v1", person, {"person_id": person, "registered_at": now, "sealed": sealed})
        granted = {
            "consent_id": consent,
            "person_id": person,
            "purposes": ["refer"],
            "recipients": [recipient],
            "field_groups": ["identity"],
            "valid_from": now,
            "given_by": "person",
            "manner": "signed",
            "language": "es",
        }
        self.send("consent.granted.v1", consent, granted)
        requested = {
            "referral_id": referral,
            "recipient": recipient,
            "service_id": service,
            "urgency": "normal",
            "person_id": person,
            "need_code": "health.consultation",
            "reason_code": "service_not_offered",
            "shares": ["identity"],
            "consent_id": consent,
            "contact": {"channel": "phone", "language": "es"},
            "sealed": sealing.seal(block, self.public_keys[recipient]),
        }
        self.send("referral.requested.v2", referral, requested)

    def follow_inbox(self) -> None:
        """Show every message and answer the offers, until interrupted."""
        after = ""
        while True:
            page = self.ask(f"/v1/inbox?wait=30{after}")
            for entry in page["messages"]:
                if "message" in entry:  # what was erased or has expired has none
                    self.take(entry["message"])
            if page["messages"]:
                self.ask("/v1/inbox/acknowledge", {"through": page["next"]}, Content_Type="application/json")
            after = f"&after={page['next']}"

    def take(self, message: dict[str, Any]) -> None:
        """Apply one message."""
        data = message["data"]
        print(f"received  {message['type']} {data.get('state') or data.get('code') or ''}", flush=True)
        if message["type"] == "referral.offered.v1":
            referral = data["referral_id"]
            sealing.open_sealed(data["request"]["sealed"], self.key)
            self.send("referral.received.v1", referral, {"referral_id": referral}, cause=message)
            self.send("referral.accepted.v1", referral, {"referral_id": referral}, cause=message)


def main() -> None:
    """Run one organisation until Ctrl-C."""
    reader = argparse.ArgumentParser(description=main.__doc__)
    reader.add_argument("home", type=Path)
    reader.add_argument("directory", type=Path)
    reader.add_argument("--refer-to", metavar="ORGANISATION:SERVICE_ID")
    told = reader.parse_args()
    partner = Partner(told.home, told.directory)
    if told.refer_to:
        partner.refer(*told.refer_to.split(":"))
    else:
        print(f"offering  {partner.name}:{partner.offer_service()}", flush=True)
    partner.follow_inbox()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
