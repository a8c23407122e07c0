"""A jornada on one page: an organisation plans one, confirms it, and says that it has taken place.

    python first_jornada.py HOME

HOME holds what your organisation was handed (credentials.json). Needs `pip install ./contracts kombu`. The jornada is
of yesterday, so that the list of who came can be sent at once. What becomes of it comes to the organisation's inbox,
which first_referral.py shows.
"""

import argparse
import json
from datetime import UTC, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import ruta_contracts as ruta
from kombu.connection import Connection
from ruta_contracts import codes

COLOMBIA = timezone(timedelta(hours=-5))


class Organiser:
    """One organisation on the network, with a jornada of its own."""

    def __init__(self, home: Path) -> None:
        handed = json.loads((home / "credentials.json").read_text())
        self.name: str = handed["organisation"]
        self.exchange = handed["exchange"]
        self.connection: Any = Connection(handed["amqp_url"], transport_options={"confirm_publish": True})
        self.producer = self.connection.Producer()

    def send(self, data: Any, subject: UUID) -> None:
        """Publish one message; returns when the broker has it."""
        message = ruta.stamp(ruta.Draft(data, str(subject)), source=self.name, time=datetime.now(UTC))
        self.producer.publish(
            message.to_json(),
            exchange=self.exchange,
            routing_key=f"{self.name}.{message.type}",
            content_type="application/cloudevents+json",
            content_encoding="utf-8",
            user_id=self.name,  # the broker checks it
            delivery_mode=2,
            mandatory=True,
        )
        print(f"sent      {message.type}", flush=True)

    def hold_jornada(self) -> None:
        """Plan a jornada of yesterday, from eight to three, confirm it and say that it was held."""
        jornada, now = ruta.uuid7(), datetime.now(UTC)
        day = now.astimezone(COLOMBIA).date() - timedelta(days=1)
        starts_at = datetime.combine(day, time(8), COLOMBIA)
        ends_at = starts_at + timedelta(hours=7)
        planned = ruta.JornadaPlanned(
            jornada_id=jornada,
            organiser=self.name,
            planned_at=now,
            kind=codes.JornadaKind.OUTREACH_TRIP,
            name="Jornada de prueba",
            zone="08001",
            place="Polideportivo de prueba",
            starts_at=starts_at,
            ends_at=ends_at,
            contributions=(ruta.Contribution(organisation=self.name, brings=("health.consultation",)),),
        )
        self.send(planned, jornada)
        self.send(ruta.JornadaConfirmed(jornada_id=jornada, organiser=self.name), jornada)
        self.send(ruta.JornadaHeld(jornada_id=jornada, organiser=self.name, held_at=ends_at), jornada)
        print(f"held      --jornada {jornada} --organiser {self.name} --on {day}", flush=True)


def main() -> None:
    """Hold one jornada."""
    reader = argparse.ArgumentParser(description=main.__doc__)
    reader.add_argument("home", type=Path)
    organiser = Organiser(reader.parse_args().home)
    with organiser.connection:
        organiser.hold_jornada()


if __name__ == "__main__":
    main()
