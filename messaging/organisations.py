"""What a service knows of the organisations of the network: what the hub has said of each (`organisation.recorded`).

It comes before anything that an organisation newly admitted says: the hub notifies the services first, and lets its
messages in then.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, LiteralString

from contracts import OrganisationRecorded
from messaging.database import as_json

if TYPE_CHECKING:
    from messaging.transaction import Transaction

WHO_MAY: Final = """
    select power, array_agg(id) as ids from recorded_organisation, unnest(powers) as power
    where status <> 'removed' group by power
"""

_WRITE: Final = """
    insert into recorded_organisation (id, number, status, powers, handles)
    select id, number, status, powers, handles
    from jsonb_to_recordset(%s::jsonb) as new(id text, number bigint, status text, powers text[], handles text[])
    on conflict (id) do update set
        number = excluded.number, status = excluded.status, powers = excluded.powers, handles = excluded.handles
"""
# What has the same number is the same word, or what a former release of the hub said of it and left in a queue.
RECORD: Final[LiteralString] = f"{_WRITE} where recorded_organisation.number < excluded.number"
# A newer release of the hub may say more of an organisation with the same number.
PROVISION: Final[LiteralString] = f"{_WRITE} where recorded_organisation.number <= excluded.number"

# Who is suspended is notified of everything all the same, and reads it later.
TAKING_PART: Final = "select id from recorded_organisation where status <> 'removed'"
EVER_KNOWN: Final = "select id from recorded_organisation"
HANDLING: Final = "select id from recorded_organisation where status <> 'removed' and %s = any(handles)"


def record(tx: "Transaction", said: OrganisationRecorded) -> None:
    """Keep what the hub says of an organisation, unless something newer is known."""
    tx.fetch(RECORD, (as_rows([said]),))
    tx.powers_changed()


def as_rows(said: Sequence[OrganisationRecorded]) -> str:
    """The parameter of RECORD and PROVISION: JSON of these."""
    return as_json([_row(one) for one in said])


def taking_part(tx: "Transaction") -> frozenset[str]:
    """The organisations that take part, suspended ones among them."""
    return _ids(tx, TAKING_PART)


def ever_known(tx: "Transaction") -> frozenset[str]:
    """The organisations of which the hub has ever said anything."""
    return _ids(tx, EVER_KNOWN)


def handling(tx: "Transaction", contract_name: str) -> frozenset[str]:
    """The organisations that run a service of their own which handles contracts of this name, without version."""
    return _ids(tx, HANDLING, contract_name)


def _ids(tx: "Transaction", sql: LiteralString, *params: str) -> frozenset[str]:
    return frozenset(row["id"] for row in tx.fetch(sql, params))


def _row(said: OrganisationRecorded) -> dict[str, Any]:
    row = said.model_dump(mode="json")
    return {"id": row.pop("organisation"), **row}
