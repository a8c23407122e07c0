"""Makes the message of a row: ids that are the same each time, and the person's details sealed to the hub."""

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import contracts
from contracts import codes, sealing
from tools.attendance.entry import Entry
from tools.attendance.spelling import folded
from tools.values.documents import identity_number

# What a person allows who signs the list; to refer them, only where the list says to whom.
PURPOSES: Final = (
    codes.ConsentPurpose.REGISTER,
    codes.ConsentPurpose.SERVE,
    codes.ConsentPurpose.FOLLOW_UP,
    codes.ConsentPurpose.REPORT,
)
FIELD_GROUPS: Final = (
    codes.FieldGroup.IDENTITY,
    codes.FieldGroup.DOCUMENTS,
    codes.FieldGroup.CONTACT,
    codes.FieldGroup.PLACE,
    codes.FieldGroup.PROFILE,
    codes.FieldGroup.NEEDS,
)


@dataclass(frozen=True, slots=True)
class Teller:
    """Who speaks, of which jornada, from which file."""

    organisation: str
    jornada_id: UUID
    organiser: str
    check_in: codes.CheckIn
    file_sha256: str
    hub_key: sealing.Key
    people: UUID  # the namespace of the organisation's person ids: see `namespace`
    shared_with: tuple[str, ...] = ()  # organisations that people on this list may be referred to

    def attendance(self, entry: Entry, line: int) -> contracts.AttendanceRecorded:
        """Say that somebody came, and what happened for them there; without consent nothing that is theirs."""
        person_id = uuid5(self.people, identity(self.organisation, entry))
        attendance_id = uuid5(self.jornada_id, str(person_id))
        block = _block(entry) if entry.consent else None
        return contracts.AttendanceRecorded(
            attendance_id=attendance_id,
            jornada_id=self.jornada_id,
            organiser=self.organiser,
            person_id=person_id,
            present_at=entry.present_at,
            check_in=self.check_in,
            sealed=None if block is None else sealing.seal(block, self.hub_key),
            details_digest=None if block is None else self._digest(entry, attendance_id),
            consent=self._consent(entry, attendance_id),
            served=tuple(
                contracts.Served(need_code=code, delivered_by=server or self.organisation)
                for code, server in entry.services
            ),
            needs=tuple(
                contracts.NeedFound(
                    need_id=uuid5(attendance_id, f"need {code}"),
                    need_code=code,
                    urgency=codes.Urgency(entry.urgency),
                    refer=_refer(entry, code, attendance_id),
                )
                for code in entry.needs
            ),
            etpv_steps=tuple(codes.EtpvStep(step) for step in entry.steps),
            row=contracts.Row(file_sha256=self.file_sha256, line=line),
        )

    def _digest(self, entry: Entry, attendance_id: UUID) -> str:
        """Return what is the same while somebody's details are; by the organisation's key, and another at each jornada.

        Without the key somebody could try all birth dates; without the jornada, see who came with other details where.
        Zeros that a spreadsheet took away are no other details.
        """
        if entry.document is not None:
            kind, number = entry.document
            entry = replace(entry, document=(kind, identity_number(kind, number)))
        details = json.dumps(_block(entry), ensure_ascii=True, sort_keys=True)
        return hmac.new(self.people.bytes, f"details {attendance_id} {details}".encode(), hashlib.sha256).hexdigest()

    def _consent(self, entry: Entry, attendance_id: UUID) -> contracts.ConsentTaken | None:
        if entry.consent is None:
            return None
        given_by, manner = entry.consent
        return contracts.ConsentTaken(
            # With whom it is shared in it: who allows more later has given another consent.
            consent_id=uuid5(attendance_id, " ".join(("consent", *sorted(self.shared_with)))),
            purposes=(*PURPOSES, codes.ConsentPurpose.REFER) if self.shared_with else PURPOSES,
            recipients=tuple(dict.fromkeys((self.organisation, *self.shared_with))),
            field_groups=FIELD_GROUPS,
            given_by=codes.ConsentGivenBy(given_by),
            manner=codes.ConsentManner(manner),
            language="es",
        )


def namespace(private_key: sealing.Key) -> UUID:
    """Make the namespace of an organisation's person ids from its private key.

    A document number has so few digits that whoever sees an id could try them all; without this key nobody can.
    """
    return UUID(bytes=hmac.digest(str(private_key["d"]).encode(), b"person ids of attendance", hashlib.sha256)[:16])


def identity(organisation: str, entry: Entry) -> str:
    """Write down what makes somebody the same person in every file: a document, or else names, birth date and phone."""
    if entry.document is not None:
        kind, number = entry.document
        return " ".join((organisation, kind, identity_number(kind, number)))
    names = folded(f"{entry.given_names} {entry.family_names or ''}")
    return "|".join((organisation, names, str(entry.birth_date or ""), entry.phone or ""))


def _refer(entry: Entry, need: str, attendance_id: UUID) -> contracts.ReferTo | None:
    """Say where a need of the row goes: to another service it is another referral."""
    referral = entry.referral
    if referral is None or referral.need != need:
        return None
    referral_id = uuid5(attendance_id, f"referral {need} {referral.service_id}")
    return contracts.ReferTo(referral_id=referral_id, recipient=referral.recipient, service_id=referral.service_id)


def corrected(said: contracts.AttendanceRecorded, at: datetime) -> contracts.AttendanceCorrected:
    """Say the same as a correction of what was said of it before."""
    fields = {name: value for name, value in dict(said).items() if name != "check_in"}
    return contracts.AttendanceCorrected(**fields, corrected_at=at)


def _block(entry: Entry) -> dict[str, Any]:
    """Write the person's details as a person block."""
    documents: list[dict[str, str]] = []
    if entry.document is not None:
        documents = [dict(zip(("type", "number"), entry.document, strict=True))]
    elif entry.without_document:
        documents = [{"type": codes.DocumentType.NONE}]
    block = {
        "given_names": entry.given_names,
        "family_names": entry.family_names,
        "documents": documents or None,
        "birth_date": entry.birth_date and entry.birth_date.isoformat(),
        "age": entry.age,
        "sex": entry.sex,
        "nationality": entry.nationality,
        "profile": entry.profile,
        "phone": entry.phone,
        "address": entry.address,
        "place": entry.municipality,
    }
    return {name: value for name, value in block.items() if value is not None}
