"""A service as small as a service can be, to try the runtime with: it notes each message once and answers it."""

from datetime import datetime, timedelta

import contracts
from messaging.database import Transaction
from messaging.on import batches, every, on

NOTE = """
    insert into note (message_id, subject)
    select message_id, subject from jsonb_to_recordset(%s::jsonb) as new(message_id uuid, subject text)
"""


class Refused(Exception):  # noqa: N818
    code = "probe_refuses"


class TooEarly(Exception):  # noqa: N818
    def __init__(self, key: str) -> None:
        self.code, self.key = "service_unknown", key


class ProbeService:
    """What it does with a message is in the message: the service's name says whether to fail, refuse or wait."""

    name = "probe"
    receive = batches("probe", refused=Refused, early=TooEarly)

    @on(contracts.NeedIdentified)
    def note_need(self, tx: Transaction, message: contracts.Message) -> list[contracts.Draft]:
        return []

    @on(contracts.ServicePublished)
    def note_service(self, tx: Transaction, message: contracts.Message) -> list[contracts.Draft]:
        wish, _, about = message.data.name.partition(" ")
        tx.write(NOTE, {"message_id": message.id, "subject": message.subject})
        match wish:
            case "refuse":
                tx.fetch("select 1")  # sends what was written, which must not survive the refusal
                raise Refused
            case "wait" if not tx.fetch("select 1 from note where subject = %s", (about,)):
                raise TooEarly(about)
            case "fail":
                raise RuntimeError(f"{about} is somebody's name")
        answer = contracts.ServicePublished(**dict(message.data))
        return [contracts.Draft(answer, subject=message.subject, recipient="redcross")]

    @every(timedelta(seconds=0.2))
    def tick(self, tx: Transaction, now: datetime) -> list[contracts.Draft]:
        return []
