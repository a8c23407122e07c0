"""What the tests of custody share: the console's database, organisations' keys, and what those were sent."""

import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row

import contracts
from contracts import Draft, codes, sealing, stamp, uuid7
from hub.console import audit, keyring
from hub.console.custody.desk import Desk
from hub.console.custody.indexing import Indexing
from hub.console.custody.keys import Keys
from hub.console.custody.recording import Recording
from hub.console.inbox import storing
from hub.console.store import cases, facts
from hub.gateway.audit import keys as audit_keys
from messaging import database
from messaging.topology import Organisation, System
from tests.examples import NOW, REFERRAL_ID, SERVICE_ID, referral_requested

HOSTED: Final = ("redcross", "iom")
ELSEWHERE: Final = ("fuvadis", "americares")
"""Organisations with a system, and a key, of their own."""
WITHOUT_KEY: Final = "oportunidades"
TABLES: Final = (
    "delivered, sealed_block, block_index, set_aside, forgotten_referral, purged, person_key, referral, consent"
)
AUDIT: Final = ("audit_entry", "audit_checkpoint")
SESSION: Final = UUID("01950000-0000-7000-8000-00000000aaaa")

ANA: Final[dict[str, Any]] = {
    "given_names": "Zulmarixa Qorvelle",
    "family_names": "Xandoquint Brezhuvia",
    "documents": [{"type": "PT", "number": "QX-77.310.495"}],
    "phone": "+573017731049",
    "caregiver": {"name": "Ondrixia Vlachopuente", "relation": "other_relative", "phone": "+573026048193"},
    "notes": "Tiene una cicatriz de Wurzelbaum en la ceja.",
}
PLANTED: Final = (
    "Zulmarixa", "Qorvelle", "Xandoquint", "Brezhuvia", "77310495", "77.310.495", "3017731049", "Ondrixia",
    "Vlachopuente", "3026048193", "Wurzelbaum",
)  # fmt: skip


class Console:
    """The database, the folders, and custody's parts without its process."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.organisations_folder = folder / "organisations"
        self.key_file = folder / "console" / "console.key"
        self.audit_folder = folder / "console" / "audit"
        keyring.make(self.key_file)
        audit_keys.make(self.audit_folder)
        self.organisations = {id: organisation(id) for id in HOSTED}
        self.private = {id: self.new_key(id) for id in HOSTED}
        self.recording = Recording(url, self.key_file, self.audit_folder)
        self.keys = Keys(self.organisations_folder)
        self.others = {id: sealing.new_key() for id in ELSEWHERE}
        self.directory = folder / "custody-directory.json"
        said = {id: {"public_key": sealing.public_part(key)} for id, key in (self.private | self.others).items()}
        self.directory.write_text(json.dumps({"organisations": said}))
        self.organisations |= {id: Organisation(id, id, ()) for id in (*ELSEWHERE, WITHOUT_KEY)}
        self.desk = Desk(self.recording, self.keys, lambda: self.organisations, self.directory)
        self.indexing = Indexing(self.recording, self.keys, lambda: self.organisations)
        self.empty()

    def empty(self) -> None:
        with psycopg.connect(self.url) as connection:
            for table in AUDIT:
                connection.execute(f"alter table {table} disable trigger user")
            connection.execute(f"truncate {TABLES}, {', '.join(AUDIT)}")
            for table in AUDIT:
                connection.execute(f"alter table {table} enable trigger user")

    def new_key(self, organisation: str, name: str = "private.jwk") -> sealing.Key:
        """Make a private key in the organisation's folder, as `./ruta provision` does."""
        folder = self.organisations_folder / organisation
        folder.mkdir(parents=True, exist_ok=True)
        key = sealing.new_key()
        sealing.save_key(key, folder / name)
        return key

    def query(self, sql: str, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql.encode(), params)
            return database.rows(cursor)

    # -- what organisations are sent ----------------------------------------------------------------------------------

    def keep(self, organisation: str, *messages: contracts.Message[Any] | bytes) -> None:
        bodies = [one if isinstance(one, bytes) else one.to_json() for one in messages]
        with database.connect(self.url) as connection:
            storing.keep(connection, organisation, bodies)

    def offer(self, organisation: str = "redcross", person: dict[str, Any] = ANA, **request: Any) -> UUID:
        """Have an organisation be sent a referral; return the id of its block."""
        message = offered(self.private[organisation], organisation, person, **request)
        self.keep(organisation, message)
        return self.block_of(message)

    def note(self, organisation: str = "redcross", text: str = "Wurzelbaum", referral_id: UUID = REFERRAL_ID) -> UUID:
        """Have it be sent a note."""
        message = noted(self.private[organisation], organisation, text, referral_id)
        self.keep(organisation, message)
        return self.block_of(message)

    def name(self, consent_id: UUID, person_id: UUID, organisation: str = "redcross") -> contracts.Message[Any]:
        """Have it be told a name to coordinate; return how it was."""
        message = named(self.private[organisation], organisation, consent_id, person_id)
        self.keep(organisation, message)
        return message

    def allow(self, consent_id: UUID, person_id: UUID, **terms: Any) -> None:
        """Have it be recorded what a person allows: that their name is told to coordinate."""
        row = {
            "consent_id": consent_id, "person_id": person_id, "granted_to": "fuvadis", "purposes": ["coordinate"],
            "recipients": ["redcross"], "field_groups": ["identity"], "valid_from": NOW, "valid_until": None, **terms,
        }  # fmt: skip
        self.fact(facts.CONSENT, row)

    def fact(self, statement: LiteralString, row: dict[str, Any]) -> None:
        """Keep a fact as the console's service does."""
        self.query(statement, database.as_json([row]))

    def record(self, person: UUID | None, referral_id: UUID = REFERRAL_ID) -> None:
        """Have it be recorded whose a referral is."""
        self.query(
            "insert into referral (referral_id, sequence, short_code, state, changed_at, changed_by, sender, recipient,"
            " service_id, person_id, need_code, urgency, sent_at) values (%s, 1, 'x', 'sent', now(), 'hub',"
            " 'redcross', 'fuvadis', %s, %s, 'health.consultation', 'normal', now())",
            referral_id, SERVICE_ID, person,
        )  # fmt: skip

    def block_of(self, message: contracts.Message[Any]) -> UUID:
        (row,) = self.query("select id from sealed_block where message_id = %s", message.id)
        return UUID(str(row["id"]))

    # -- what is asked ------------------------------------------------------------------------------------------------

    def ask(self, **asked: Any) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.desk.answer(line(**asked)))
        return said

    def open(self, *blocks: UUID, organisation: str = "redcross", **asked: Any) -> list[dict[str, Any]]:
        said = self.ask(do="open", organisation=organisation, blocks=[str(one) for one in blocks], **asked)
        return list(said["blocks"])

    def search(self, text: str, organisation: str = "redcross", *, coordinates: bool = False) -> list[tuple[UUID, int]]:
        """The blocks that are found, each with how many terms hit."""
        said = self.ask(do="search", organisation=organisation, text=text, coordinates=coordinates)
        return [(UUID(one["block"]), one["terms"]) for one in said["hits"]]

    def index(self) -> None:
        """Index all that has arrived."""
        while self.indexing.look() == 0.0:
            pass

    def copy_checkpoints(self) -> None:
        """What a thread of custody's does."""
        stopping = threading.Event()
        thread = threading.Thread(target=self.recording.copy_checkpoints, args=(stopping,))
        thread.start()
        stopping.set()
        thread.join()

    def forget(self, person: UUID) -> None:
        with database.connect(self.url) as connection:
            audit.forget(connection, str(person))
            connection.commit()

    def purge(self, organisation: str, referral_id: UUID) -> None:
        """Have an organisation's staff delete what it holds of a referral's person."""
        with database.connect(self.url) as connection:
            cases.purge(connection, organisation, referral_id)
            connection.commit()

    # -- what stands written ------------------------------------------------------------------------------------------

    def entries(self) -> list[dict[str, Any]]:
        rows = self.query("select actor, act, subject, details from audit_entry order by number")
        return [row | {"details": json.loads(row["details"])} for row in rows]

    def acts(self) -> list[str]:
        return [one["act"] for one in self.entries()]

    def everything(self) -> str:
        """Every value of every table."""
        tables = self.query("select tablename from pg_tables where schemaname = 'public'")
        return "\n".join(
            str(row) for table in tables for row in self.query(f"select t::text as row from {table['tablename']} t")
        )


def organisation(id: str, **more: Any) -> Organisation:
    """One that uses the hub's screens."""
    return Organisation(id, id, (), systems=(System(id, "console", reads=("referral.*",), sends=()),), **more)


def line(**asked: Any) -> bytes:
    """What is asked, as it travels."""
    return json.dumps({"staff": "rc-07", "session": str(SESSION), "purpose": "case", **asked}).encode() + b"\n"


def offered(
    key: sealing.Key, organisation: str, person: dict[str, Any] = ANA, **request: Any
) -> contracts.Message[Any]:
    """A referral, as the hub brings it."""
    said = {
        "recipient": organisation,
        "referral_id": uuid4(),
        "person_id": uuid4(),
        "sealed": sealing.seal(person, sealing.public_part(key)),
        **request,
    }
    if "case_code" in said:
        said |= {"person_id": None, "need_code": "gbv.case_management"}
    data = contracts.ReferralOffered(
        referral_id=said["referral_id"],
        sender="fuvadis",
        receive_by=NOW,
        answer_by=NOW + timedelta(days=2),
        request=referral_requested(**said),
    )
    return by_the_hub(data, organisation)


def noted(key: sealing.Key, organisation: str, text: str, referral_id: UUID) -> contracts.Message[Any]:
    """A referral's state, with words of the other party."""
    data = contracts.ReferralStatus(
        referral_id=referral_id,
        state=codes.ReferralState.IN_SERVICE,
        changed_at=NOW,
        changed_by="fuvadis",
        sender="fuvadis",
        recipient=organisation,
        service_id=SERVICE_ID,
        sealed=sealing.seal({"text": text}, sealing.public_part(key)),
    )
    return by_the_hub(data, organisation)


def brought(key: sealing.Key, organisation: str, text: str, referral_id: UUID, by: str) -> contracts.Message[Any]:
    """A note of another organisation's, as the hub brings it by itself."""
    sealed = sealing.seal({"text": text}, sealing.public_part(key))
    data = contracts.ReferralNoteBrought(
        referral_id=referral_id, noted_by=by, noted_at=NOW, kind=codes.NoteKind.NOTE, sealed=sealed
    )
    return by_the_hub(data, organisation)


def named(key: sealing.Key, organisation: str, consent_id: UUID, person_id: UUID) -> contracts.Message[Any]:
    """A name, as the hub brings it to whoever coordinates."""
    name = {part: ANA[part] for part in ("given_names", "family_names")}
    data = contracts.PersonNameBrought(
        person_id=person_id,
        consent_id=consent_id,
        named_by="fuvadis",
        named_at=NOW,
        sealed=sealing.seal(name, sealing.public_part(key)),
    )
    return by_the_hub(data, organisation)


def by_the_hub(data: Any, organisation: str) -> contracts.Message[Any]:
    """A message of the hub's to an organisation."""
    contract = contracts.contract_of(data)
    subject = str(getattr(data, contract.about)) if contract.about else str(uuid7())
    draft = Draft(data, subject, sequence=1 if contract.numbered else None, recipient=organisation)
    return stamp(draft, source="hub", time=NOW)
