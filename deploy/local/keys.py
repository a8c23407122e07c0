"""Everybody's public keys, as the database `gateway` has them, and the directory that is made of them.

A key is in force from when it is known here until `valid_until` or `revoked_at`, whichever comes first. Several of one
organisation may be: what was sealed to the old one is still on its way when the new one comes. One of them has no end,
and it is the one that others are to seal to.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from contracts import sealing, thumbprint
from deploy.local.operator_error import OperatorError
from messaging.database import Connection, row_as_json
from messaging.identity import HUB

OVERLAP: Final = timedelta(days=30)  # for which the key before is in force beside a new one

KNOWN: Final = """
    select organisation, key_id, jwk, custody, valid_from, valid_until, revoked_at
    from public_key order by organisation, number desc
"""
ADD: Final = """
    insert into public_key (organisation, key_id, jwk, custody, valid_from) values (%s, %s, %s::jsonb, %s, %s)
"""
END_OTHERS: Final = """
    update public_key set valid_until = %(until)s
    where organisation = %(organisation)s and key_id <> %(key_id)s and (valid_until is null or valid_until > %(until)s)
"""
REVOKE: Final = """
    update public_key set revoked_at = %s where organisation = %s and key_id = %s and revoked_at is null
"""

PUT_BACK: Final = "update public_key set valid_until = null where organisation = %s and key_id = %s"
THE_KEYS: Final = 0x4B657973  # the advisory lock of who changes them

Key = Mapping[str, Any]
"""A row of the table."""


@contextlib.contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Keep others from changing keys in the block: until the directory is written, too, which is of one reading.

    What is not committed at its end is not done.
    """
    connection.execute("select pg_advisory_lock(%s)", (THE_KEYS,))
    try:
        yield
    finally:
        if not connection.closed:
            connection.rollback()
            connection.execute("select pg_advisory_unlock(%s)", (THE_KEYS,))
            connection.commit()


def known(connection: Connection, organisation: str) -> list[Key]:
    """Every key that an organisation has had, the newest first."""
    return [one for one in connection.execute(KNOWN) if one["organisation"] == organisation]


def is_in_force(key: Key, now: datetime) -> bool:
    """Whether something may be sealed to a key now."""
    ends = [at for at in (key["valid_until"], key["revoked_at"]) if at is not None]
    return all(now < at for at in ends)


def read_public(text: str) -> sealing.Key:
    """Read a public key from a JWK; raises OperatorError where it is none, or has a private part."""
    key: sealing.Key | None = None
    is_private = False
    try:
        said = json.loads(text)
        key = {name: said[name] for name in ("kty", "crv", "x", "y")}
        key["kid"] = thumbprint(key)
        sealing.seal({}, key)  # a point that is not on the curve is no key
        is_private = "d" in said
    except (ValueError, TypeError, KeyError, RecursionError, sealing.SealingError):
        key = None
    # Outside the except block: what was read may be a private key.
    if key is None:
        raise OperatorError(
            "This is no public key: a JWK of P-256 is wanted, as `python -m ruta_contracts key public FILE` prints it."
        )
    if is_private:
        raise OperatorError("This is a private key, which only the organisation may have: nothing was kept of it.")
    return key


def add(
    connection: Connection,
    organisation: str,
    public_key: sealing.Key,
    now: datetime,
    *,
    custody: bool = False,
    overlap: timedelta = OVERLAP,
) -> bool:
    """Let a key be in force from now on; those before it end after `overlap`. Said again, it changes nothing: False.

    Raises OperatorError where the key is somebody else's, or is not the newest any more.
    """
    key_id = thumbprint(public_key)
    theirs = known(connection, organisation)
    if theirs and theirs[0]["key_id"] == key_id and is_in_force(theirs[0], now):
        return False
    if any(one["key_id"] == key_id for one in connection.execute(KNOWN)):
        raise OperatorError(f"The key {key_id} has been used before: make a new one, and nothing old opens it.")
    connection.execute(ADD, (organisation, key_id, row_as_json(public_key), custody, now))
    connection.execute(END_OTHERS, {"until": now + overlap, "organisation": organisation, "key_id": key_id})
    return True


def put_back(connection: Connection, organisation: str, key_id: str, now: datetime) -> None:
    """Let a key that is over, and was not revoked, be in force again in place of all others."""
    connection.execute(PUT_BACK, (organisation, key_id))
    connection.execute(END_OTHERS, {"until": now, "organisation": organisation, "key_id": key_id})


def revoke(connection: Connection, organisation: str, key_id: str, now: datetime) -> bool:
    """End a key at once. Said again, it changes nothing: False.

    Raises OperatorError where the key is unknown, over, or the one that others seal to.
    """
    theirs = known(connection, organisation)
    key = next((one for one in theirs if one["key_id"] == key_id), None)
    if key is not None and key["revoked_at"] is not None:
        return False
    if key is None or not is_in_force(key, now):
        raise OperatorError(f"{organisation} has no key {key_id} that is in force.")
    if key["valid_until"] is None:
        raise OperatorError(
            f"To {organisation} everybody seals to this key, and to which then? Give it a new one first "
            "(`partner rotate`); with `--overlap 0` that ends this one at once."
        )
    connection.execute(REVOKE, (now, organisation, key_id))
    return True


def directory(connection: Connection, names: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The directory of those with these names, by id: `public_key`, to which to seal, and every key of each.

    Who has no key in force is left out: nothing can be sealed to it, as to one that has not been provisioned yet.
    """
    rows = list(connection.execute(KNOWN))
    of = {id: [row for row in rows if row["organisation"] == id] for id in names}
    entries = {id: _entry(name, of[id], now, is_hub=id == HUB) for id, name in names.items()}
    return {"organisations": {id: entry for id, entry in entries.items() if entry is not None}}


def _entry(name: str, keys: Sequence[Key], now: datetime, *, is_hub: bool) -> dict[str, Any] | None:
    in_force = sorted((one for one in keys if is_in_force(one, now)), key=lambda one: one["valid_until"] is not None)
    if not in_force:
        return None
    entry = {"name": name, "public_key": in_force[0]["jwk"], "keys": [_key(one) for one in keys]}
    return entry | ({"custody": "hub"} if in_force[0]["custody"] and not is_hub else {})


def _key(key: Key) -> dict[str, Any]:
    moments = {name: key[name] for name in ("valid_from", "valid_until", "revoked_at")}
    return {"public_key": key["jwk"]} | {name: at.isoformat() for name, at in moments.items() if at is not None}
