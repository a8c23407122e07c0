"""A service as small as a service can be, to try the runtime with: it notes each message once and answers it."""

import os
import time
from datetime import datetime, timedelta

import contracts
from messaging.answers import MissingPrerequisite, Refused
from messaging.on import batches, every, on
from messaging.transaction import Transaction

NOTE = """
    insert into note (message_id, subject)
    select message_id, subject from jsonb_to_recordset(%s::jsonb) as new(message_id uuid, subject text)
"""

NEXT_NUMBER = """
    insert into counter (subject, number) values (%s, 1)
    on conflict (subject) do update set number = counter.number + 1
    returning number
"""


class Escaping(BaseException):
    """What `except Exception` does not see."""


class ProbeService:
    """What it does with a message is in the message: the first word of the service's name, and what it is about."""

    name = "probe"
    receive = batches("probe")

    @on(contracts.ServicePublished)
    def note_service(self, tx: Transaction, message: contracts.Message) -> list[contracts.Draft]:
        wish, _, about = message.data.name.partition(" ")
        tx.write(NOTE, {"message_id": message.id, "subject": message.subject})
        number = None
        match wish:
            case "number":
                number = tx.fetch(NEXT_NUMBER, (message.subject,))[0]["number"]
            case "refuse":
                raise Refused("probe_refuses")
            case "refuse-late":
                tx.fetch("select 1")  # sends what was written, which must not survive the refusal
                tx.write(NOTE, {"message_id": message.id, "subject": message.subject})
                raise Refused("probe_refuses")
            case "wait" if not tx.fetch("select 1 from note where subject = %s", (about,)):
                raise MissingPrerequisite("service", about)
            case "fail-until-mended" if not tx.fetch("select 1 from counter where subject = 'mended'"):
                raise RuntimeError(f"{about} is somebody's name")
            case "fail":
                raise RuntimeError(f"{about} is somebody's name")
            case "fail-in-sql":
                tx.fetch("select %s::integer", (about,))
            case "fail-at-the-end":  # where the gathered writes of many messages are sent together
                tx.write("insert into note (message_id, subject) select 'x'::uuid, %s", {})
            case "escape":
                raise Escaping(about)
            case "exit":
                raise SystemExit(about)
            case "hang":
                time.sleep(3600)
            case "hang-in-sql":
                tx.fetch("select pg_sleep(3600)")
            case "slow":
                tx.fetch("select pg_sleep(0.2)")
        answer = contracts.ServicePublished(**dict(message.data))
        return [contracts.Draft(answer, subject=message.subject, recipient="redcross", sequence=number)]

    @every(timedelta(seconds=0.2))
    def tick(self, tx: Transaction, now: datetime) -> list[contracts.Draft]:
        match os.environ.get("TICK"):
            case "talk":
                about = contracts.uuid7()
                talk = contracts.ServicePublished(
                    service_id=about,
                    name="tick",
                    need_codes=("health.general_medicine",),
                    active=True,
                    zones=("08001",),
                )
                return [contracts.Draft(talk, subject=str(about), recipient="redcross")]
            case "fail":
                raise RuntimeError("María's name")
            case "escape":
                raise Escaping("María's name")
            case "fail-in-sql":  # what psycopg tells as it tells a server that went away
                tx.fetch("do $$ begin raise 'too long' using errcode = 'program_limit_exceeded'; end $$")
        return []
