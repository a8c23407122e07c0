"""Who of the staff is told by e-mail that something waits, and the mails: notice_choice, notice, notice_told.

An organisation's office, too, which has an address of its own: `staff` is then what `office` makes of the organisation.
Every function takes a transaction. Times are the network's, but for when something is tried again and how long a code
is good.
"""

import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import contracts
from hub.console.keyring import Keyring
from messaging.database import Connection

ADDRESS, CODE = "notice_address", "notice_code"  # purposes of the keyring
CODE_DIGITS: Final = 6
CODE_TRIES: Final = 5
CODE_WITHIN: Final = "15 minutes"
BETWEEN_EMERGENCIES: Final = timedelta(minutes=10)  # of two mails to the same person
KEPT_FOR: Final = timedelta(days=30)  # mails that are done


class Wants(StrEnum):
    """What somebody asks to be told."""

    OFF = "off"
    DIGEST = "digest"
    ALL = "all"


class Kind(StrEnum):
    """What a mail is for."""

    CODE = "code"
    DIGEST = "digest"
    EMERGENCY = "emergency"


class Outcome(StrEnum):
    """What has become of a mail."""

    SENT = "sent"
    NOTHING = "nothing"
    """There was nothing to say any more, or nobody to say it to."""
    REFUSED = "refused"
    """The address is not taken."""


CHOICE: Final = "select * from notice_choice where staff = %s"
OFF: Final = "delete from notice_choice where staff = %s"
WANT: Final = """
    update notice_choice
    set since = case when wants = %(wants)s then since else %(now)s end, wants = %(wants)s, language = %(language)s
    where staff = %(staff)s
"""
ASK: Final = f"""
    insert into notice_choice (staff, wants, language, address, since, code, code_notice, code_until)
    values (%(staff)s, %(wants)s, %(language)s, %(address)s, %(now)s, %(code)s, %(notice)s,
            clock_timestamp() + interval '{CODE_WITHIN}')
    on conflict (staff) do update
    set wants = excluded.wants, language = excluded.language, address = excluded.address, since = excluded.since,
        confirmed_at = null, code = excluded.code, code_notice = excluded.code_notice,
        code_until = excluded.code_until, code_tries = 0
"""
ADD: Final = "insert into notice (id, staff, kind, made_at, look_at) values (%s, %s, %s, %s, clock_timestamp())"
TRY_CODE: Final = f"""
    update notice_choice set code_tries = code_tries + 1
    where staff = %s and code_tries < {CODE_TRIES} and code_until > clock_timestamp() and confirmed_at is null
    returning code
"""
CONFIRM: Final = """
    update notice_choice
    set confirmed_at = %(now)s, since = %(now)s, code = null, code_notice = null, code_until = null
    where staff = %(staff)s
"""
LAST: Final = """
    select outcome from notice where staff = %s and outcome is distinct from 'nothing'
    order by made_at desc, id desc limit 1
"""
# An office is told what waits for its organisation, as who works there and follows no others' cases.
READERS: Final = """
    select * from (
        select notice_choice.*, staff.organisation, staff.name, staff.login, staff.roles, staff.status
        from notice_choice join staff on staff.code = notice_choice.staff
        where staff.status = 'active'
        union all
        select notice_choice.*, substr(staff, 2), '', '', array['partner_staff'], 'active'
        from notice_choice where staff like '@%%'
    ) as reader
    where %(staff)s::text is null or staff = %(staff)s
"""
ADD_DIGESTS: Final = """
    insert into notice (id, staff, kind, day, made_at, look_at)
    select gen_random_uuid(), one.staff, 'digest', %(day)s, %(now)s, clock_timestamp()
    from unnest(%(staff)s::text[]) as one (staff)
    where not exists (select from notice where notice.staff = one.staff and day = %(day)s)
    on conflict do nothing
"""
ADD_EMERGENCY: Final = """
    insert into notice (id, staff, kind, made_at, look_at)
    select gen_random_uuid(), %(staff)s, 'emergency', %(now)s, clock_timestamp()
    where not exists (
        select from notice
        where staff = %(staff)s and kind = 'emergency'
          and (outcome is null or (outcome <> 'nothing' and done_at > %(last)s))
    )
    on conflict do nothing
"""
TAKE: Final = """
    select * from notice where look_at <= clock_timestamp() order by look_at limit 1 for update skip locked
"""
DONE: Final = "update notice set outcome = %s, done_at = %s, look_at = null where id = %s"
PUT_OFF: Final = """
    update notice set failures = failures + 1, look_at = clock_timestamp() + least(
        interval '1 minute' * 2 ^ least(failures, 10), interval '1 hour'
    )
    where id = %s
"""
HAS_CODE: Final = "select code from notice_choice where code_notice = %s and code_until > clock_timestamp()"
TOLD: Final = "select referral_id from notice_told where staff = %s"
TELL: Final = "insert into notice_told (staff, referral_id) select %s, unnest(%s::uuid[]) on conflict do nothing"
BEING_FILLED_ANEW: Final = "select exists (select from rebuild where under_way and afresh) as is_so"
FORGET_TOLD: Final = """
    delete from notice_told where not exists (
        select from referral
        where referral.referral_id = notice_told.referral_id and urgency = 'emergency' and state in ('sent', 'received')
    )
"""
FORGET_DONE: Final = "delete from notice where done_at < %s"


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody has asked for."""

    wants: Wants
    address: str
    is_confirmed: bool


def office(organisation: str) -> str:
    """What stands for an organisation's office where otherwise the code of one of the staff does."""
    return f"@{organisation}"


def is_office(staff: str) -> bool:
    """Whether it is an office that is told."""
    return staff.startswith("@")


def choice(tx: Connection, keyring: Keyring, staff: str) -> Choice | None:
    """What somebody has asked for; None: to be told nothing. Raises UnusableKeyring."""
    row = tx.execute(CHOICE, (staff,)).fetchone()
    if row is None:
        return None
    address = open_address(keyring, staff, bytes(row["address"]))
    return Choice(Wants(row["wants"]), address, row["confirmed_at"] is not None)


def open_address(keyring: Keyring, staff: str, sealed: bytes) -> str:
    """The address of somebody, as notice_choice has it. Raises UnusableKeyring."""
    return keyring.open(ADDRESS, staff, sealed).decode()


def turn_off(tx: Connection, staff: str) -> None:
    """Tell somebody nothing any more, and forget their address."""
    tx.execute(OFF, (staff,))


def want(tx: Connection, staff: str, wants: Wants, language: str, now: datetime) -> None:
    """Tell somebody something else, at the address that is known."""
    tx.execute(WANT, {"staff": staff, "wants": wants, "language": language, "now": now})


def ask(tx: Connection, keyring: Keyring, staff: str, wants: Wants, address: str, language: str, now: datetime) -> None:
    """Begin with an address: a code is sent there, and nothing else until it is confirmed."""
    id, code = contracts.uuid7(), f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    tx.execute(
        ASK,
        {
            "staff": staff, "wants": wants, "language": language, "now": now, "notice": id,
            "address": keyring.seal(ADDRESS, staff, address.encode()),
            "code": keyring.seal(CODE, staff, code.encode()),
        },
    )  # fmt: skip
    tx.execute(ADD, (id, staff, Kind.CODE, now))


def confirm(tx: Connection, keyring: Keyring, staff: str, typed: str, now: datetime) -> bool:
    """Whether it is the code that was sent: then the address is somebody's. Each try counts. Raises UnusableKeyring."""
    row = tx.execute(TRY_CODE, (staff,)).fetchone()
    if row is None or row["code"] is None:
        return False
    if not hmac.compare_digest(keyring.open(CODE, staff, bytes(row["code"])), typed.encode()):
        return False
    tx.execute(CONFIRM, {"staff": staff, "now": now})
    return True


def was_refused(tx: Connection, staff: str) -> bool:
    """Whether the last mail to somebody was not taken."""
    row = tx.execute(LAST, (staff,)).fetchone()
    return row is not None and row["outcome"] == Outcome.REFUSED


def readers(tx: Connection, staff: str | None = None) -> Iterator[Mapping[str, Any]]:
    """Who has asked for something and may come in, each with what the table `staff` has: all, or one."""
    yield from tx.execute(READERS, {"staff": staff}).fetchall()


def add_digests(tx: Connection, staff: Sequence[str], day: date, now: datetime) -> None:
    """Have each sent a digest of a day, where they have none of it yet."""
    tx.execute(ADD_DIGESTS, {"staff": list(staff), "day": day, "now": now})


def add_emergency(tx: Connection, staff: str, now: datetime) -> None:
    """Have somebody told of emergencies, unless they are about to be, or were within BETWEEN_EMERGENCIES."""
    tx.execute(ADD_EMERGENCY, {"staff": staff, "now": now, "last": now - BETWEEN_EMERGENCIES})


def take(tx: Connection) -> Mapping[str, Any] | None:
    """A mail that is due, which nobody else takes as long as the transaction lasts."""
    return tx.execute(TAKE).fetchone()


def done(tx: Connection, id: UUID, outcome: Outcome, now: datetime) -> None:
    """Say what has become of a mail."""
    tx.execute(DONE, (outcome, now, id))


def put_off(tx: Connection, id: UUID) -> None:
    """Try a mail again later, each time twice as long."""
    tx.execute(PUT_OFF, (id,))


def code(tx: Connection, keyring: Keyring, staff: str, notice: UUID) -> str | None:
    """The code that a mail brings; None where another was asked for since, or it is too old. Raises UnusableKeyring."""
    row = tx.execute(HAS_CODE, (notice,)).fetchone()
    return keyring.open(CODE, staff, bytes(row["code"])).decode() if row is not None else None


def told(tx: Connection, staff: str) -> frozenset[UUID]:
    """Of which emergencies somebody has been told."""
    return frozenset(row["referral_id"] for row in tx.execute(TOLD, (staff,)))


def tell(tx: Connection, staff: str, referrals: Sequence[UUID]) -> None:
    """Keep of which emergencies somebody has been told."""
    tx.execute(TELL, (staff, list(referrals)))


def is_being_filled_anew(connection: Connection) -> bool:
    """Whether the tables of cases have been emptied, and are told what was in them."""
    return bool(connection.execute(BEING_FILLED_ANEW).fetchall()[0]["is_so"])


def forget(tx: Connection, now: datetime) -> None:
    """Drop what nobody needs any more."""
    tx.execute(FORGET_TOLD)
    tx.execute(FORGET_DONE, (now - KEPT_FOR,))
