"""Erasure in the gateway's database: no body that speaks of an erased person stays, nor comes back.

By `about` a delivery is found: the people whose ids stand in it, and the thread of its subject, because a sealed note
about a referral names only the referral. What is theirs are the threads of whatever names the person. A body is emptied
whether it was read or not; that there was a message, of which kind and about which id, stays.

An id is the sender's to choose, and may be one that somebody else uses for something else. So a thread is of one
sender, one recipient and one kind of subject: by an invented id nobody empties what is another's. Only of ids that a
service of the hub gives to nobody a second time (GUARDED) the thread goes through all inboxes.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final
from uuid import NAMESPACE_OID, UUID, uuid5

import contracts
from contracts import codes
from messaging.database import Connection
from messaging.identity import HUB


def carries_out_an_erasure(message: contracts.Message) -> bool:
    """Tell whether it is by this message that somebody is erased where the message goes: it is not emptied.

    `person.erased` has a service that the organisation runs itself erase them, `person.erasure_asked` the organisation,
    by `person.name_ended` whoever coordinates deletes a name.
    By `rights.due` those who registered the person learn until when they are to answer; by a referral's status
    `consent_withdrawn` and its reminders, that they owe a purge receipt, and coordinators by `escalated` who does. All
    of them name ids, codes and days; one that came with a sealed block would be no such notice. Of nothing else has
    anybody to do anything: what a referral had come to, what was suggested, what a jornada counted is over.
    """
    data = message.data
    if getattr(data, "sealed", None) is not None:
        return False
    match data:
        case contracts.PersonErased() | contracts.PersonErasureAsked() | contracts.PersonNameEnded():
            return True
        case contracts.RightsDue():
            return data.kind == codes.RightsKind.ERASURE
        case contracts.ReferralStatus():
            return data.state == codes.ReferralState.CONSENT_WITHDRAWN
        case contracts.ReferralReminder() | contracts.ReferralEscalated():
            return data.waits_for == codes.ReminderAbout.PURGE
    return False


def about(message: contracts.Message, organisation: str) -> set[UUID]:
    """Return the ids by which an erasure finds a message to an organisation: of people, and its thread.

    None of a notice of an erasure.
    """
    if carries_out_an_erasure(message):
        return set()
    return {*_people(message.data.model_dump()), _thread(message.source, organisation, message.type, message.subject)}


def _thread(source: str, organisation: str, contract_type: str, subject: str) -> UUID:
    """Name the thread that a message belongs to, which is no id of anything else."""
    kind = contracts.CONTRACTS[contract_type].about
    to = "" if _is_guarded(source, contract_type) else organisation
    return uuid5(NAMESPACE_OID, f"thread {source} {to} {kind} {subject}")


def _is_guarded(source: str, contract_type: str) -> bool:
    return source == HUB and contracts.CONTRACTS[contract_type].about in GUARDED


def _people(value: Any) -> Iterator[UUID]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name.endswith(("person_id", "person_ids")):
                yield from _ids(part)
            else:
                yield from _people(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _people(part)


def _ids(value: Any) -> Iterator[UUID]:
    if isinstance(value, UUID):
        yield value
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (one for one in value if isinstance(one, UUID))


def as_id(text: str | None) -> UUID | None:
    """Read a subject as an id; None where it is something else, such as a case code."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


GUARDED: Final = ("referral_id", "consent_id")  # as referrals and intake hold them

KNOWN: Final = "select id from erased where id = any(%b::uuid[])"
THREADS: Final = "select distinct source, organisation, type, subject from delivery where about && %b::uuid[]"
NOTE: Final = "insert into erased (id) select unnest(%b::uuid[]) on conflict do nothing"
# What was submitted by HTTP stands in the outbox until the relay takes it out (messaging/erasure.py).
FORGET: Final = """
    insert into forgotten (id) select unnest(%b::uuid[]) on conflict (id) do update set since = excluded.since
"""
FORGET_AGAIN: Final = """
    insert into forgotten (id) select id from erased on conflict (id) do update set since = excluded.since
"""
EMPTY: Final = """
    update delivery set body = null, erased_at = clock_timestamp() where about && %b::uuid[] and erased_at is null
"""
UNNAME: Final = "update outcome set waiting_for = null where waiting_for = any(%b::text[])"


def erase(connection: Connection, people: Collection[UUID], *, touched: Iterable[UUID]) -> None:
    """Erase these people, and whatever has just come about somebody who was erased before, in the open transaction.

    `touched` are the ids that what has just come is about.
    """
    known = [row["id"] for row in connection.execute(KNOWN, (list(touched),)).fetchall()]
    start = list({*people, *known})
    if not start:
        return
    threads = connection.execute(THREADS, (start,)).fetchall()
    theirs = {_thread(row["source"], row["organisation"], row["type"], row["subject"]) for row in threads}
    # These ids name nothing else, so they may be looked for wherever they stand.
    named = {as_id(row["subject"]) for row in threads if _is_guarded(row["source"], row["type"])} - {None}
    ids = list({*start, *theirs, *named})
    connection.execute(NOTE, (ids,))
    connection.execute(FORGET, (list({*start, *named} - theirs),))
    connection.execute(EMPTY, (ids,))
    connection.execute(UNNAME, ([str(one) for one in ids],))


def look_into_what_is_parked(connection: Connection) -> None:
    """Have what was parked as it came be looked through for everybody who was ever erased, in the open transaction."""
    connection.execute(FORGET_AGAIN)
