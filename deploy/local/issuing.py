"""Issues the directory of public keys: signed by the hub, with a number that rises with every change.

It is kept in the database `gateway`, where the entrance by HTTP reads it, and written as directory.jws; directory.json
is what it says, in clear, for whoever has it from a hand that they trust: the hub's own services, and tools.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from contracts import key_directory
from deploy.local.operator_error import OperatorError
from deploy.local.state import State, write_private
from hub.gateway.audit import keys as signing
from messaging.database import Connection

LAST: Final = "select number, jws from key_directory order by number desc limit 1"
ISSUE: Final = "insert into key_directory (number, issued_at, jws) values (%s, %s, %s)"

READABLE: Final = 0o644  # nothing in it is a secret


def public_key(state: State) -> dict[str, str]:
    """Return the key that directories are to be checked with, as a JWK; it is made where there is none yet.

    Raises OperatorError.
    """
    return _signer(state)[0]


def _signer(state: State) -> tuple[dict[str, str], Callable[[bytes], bytes]]:
    try:
        signing.make(state.signing)
        public = key_directory.public_key((state.signing / signing.PUBLIC).read_bytes())
        return public, signing.signer(state.signing)
    except signing.UnusableKey as error:
        raise OperatorError(f"The directory of public keys cannot be signed: {error}.") from None
    except OSError as error:
        raise OperatorError(
            f"The directory of public keys cannot be signed: {error.filename} ({error.strerror})."
        ) from None


def issue(connection: Connection, state: State, directory: Mapping[str, Any], now: datetime) -> None:
    """Sign the directory and write it, under the next number where it is another than the last one, and commit.

    For whoever is alone with the keys (`keys.alone`). Raises OperatorError, psycopg.Error.
    """
    key, sign = _signer(state)
    last = connection.execute(LAST).fetchone()
    number = max(last["number"] if last is not None else 0, key_directory.number_of(state.directory_file))
    signed, said = "", None
    if last is not None and last["number"] == number:  # a database that was restored may be behind the file
        with contextlib.suppress(key_directory.DirectoryError):  # by a key that was lost: nobody can check it any more
            signed, said = last["jws"], key_directory.read_directory(last["jws"], key)
    if said is None or {**said, **directory} != said:
        said = {"number": number + 1, "issued_at": now.isoformat(timespec="seconds"), **directory}
        signed = key_directory.sign_directory(said, key, sign)
        connection.execute(ISSUE, (said["number"], now, signed))
    connection.commit()
    write_private(state.signed_directory_file, signed, mode=READABLE)
    write_private(state.directory_file, json.dumps(said, indent=1, ensure_ascii=False), mode=READABLE)
