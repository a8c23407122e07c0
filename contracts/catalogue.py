"""The catalogue: one card for each contract, made from the contracts themselves so that it cannot drift."""

from pathlib import Path
from typing import Any

from .fields import SEALED_PATTERN
from .registry import CONTRACTS, Contract
from .schemas import Schema, message_schema

FILE = Path(__file__).parent / "CATALOGUE.md"

_OPENING = """\
# Every contract of the network

Made by `python -m contracts generate`; do not edit. What the fields allow in full is in `schemas/`, one whole message
of each kind in `examples/`. A field in *italics* may be absent.
A moment or day that is *not ahead* is when something happened or was said: more than an hour ahead of the network's
clock it is refused (`said_in_the_future`). One that *may lie ahead* is planned, due, or when something begins or ends.
"""


def as_text() -> str:
    """Write the catalogue."""
    contracts = sorted(CONTRACTS.values(), key=lambda contract: (contract.name, contract.version))
    index = "\n".join(
        f"- [{contract.type}](#{contract.type.replace('.', '')}): {contract.meaning}" for contract in contracts
    )
    cards = [_card(contract) for contract in contracts]
    parts: Schema = {}
    for contract in contracts:
        parts.update(message_schema(contract)["$defs"])
    return "\n".join(
        [_OPENING, index, "", *cards, "# Parts and codes", "", *(_part(name, parts[name]) for name in _within(parts))]
    )


def _within(parts: Schema) -> list[str]:
    """The names of what fields are made of: every definition that is no contract's own data."""
    data = {contract.data.__name__ for contract in CONTRACTS.values()}
    return sorted(parts.keys() - data)


def _part(name: str, part: Schema) -> str:
    lines = [f"## {name}", "", part.get("description", ""), ""]
    if "enum" in part:
        return "\n".join([*lines, " · ".join(f"`{value}`" for value in part["enum"]), ""])
    return "\n".join([*lines, *_table(part), ""])


def _card(contract: Contract) -> str:
    schema = message_schema(contract)
    data = schema["$defs"][contract.data.__name__]
    facts = [
        f"sent by: {contract.sent_by}",
        f"received by: {contract.received_by}",
        f"personal data: {'yes' if contract.personal_data else 'no'}",
    ]
    if contract.about:
        facts.append(f"subject: its {contract.about}")
    if contract.numbered:
        facts.append("numbered")
    lines = [f"## {contract.type}", "", contract.meaning, "", " · ".join(facts), ""]
    return "\n".join([*lines, *_table(data), ""])


def _table(data: Schema) -> list[str]:
    rows = ["| field | what it holds | |", "|---|---|---|"]
    for name, field in data["properties"].items():
        shown = name if name in data.get("required", []) else f"*{name}*"
        rows.append(f"| {shown} | {_kind(field)} | {field.get('description', '')} |")
    return rows


def _kind(field: Schema) -> str:
    options: list[Any] = [option for option in field.get("anyOf", [field]) if option != {"type": "null"}]
    (kind,) = options
    if "$ref" in kind:
        name = str(kind["$ref"]).removeprefix("#/$defs/")
        target = next((contract.type for contract in CONTRACTS.values() if contract.data.__name__ == name), name)
        return f"[{target}](#{target.replace('.', '').lower()})"
    if kind["type"] == "array":
        return f"list of {_kind(kind['items'])}"
    if kind.get("pattern") == SEALED_PATTERN:
        return "sealed block"
    of_what = str(kind.get("format", kind["type"]))
    return f"{of_what}, {kind['$comment']}" if "$comment" in kind else of_what
