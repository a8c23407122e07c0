"""The register of contracts: which kinds of message exist, what each means, and who may send it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from pydantic import create_model

from .envelope import Message
from .fields import Model

SentBy = Literal["partner", "coordinator", "service", "hub"]
"""`service`: any of Ruta's services, the hub's or one that an organisation runs itself."""
ReceivedBy = Literal[
    "hub",
    "organiser",
    "hub services",
    "recipient",
    "sender",
    "both parties",
    "either party",
    "party or coordinator",
    "coordinator",
    "whoever sent it",
]
"""`hub` and `organiser`: the service that handles it, which an organisation may run itself; of what concerns a
jornada, the one of the jornada's organiser."""

_TYPE = re.compile(r"(?P<name>[a-z_]+\.[a-z_]+)\.v(?P<version>[1-9][0-9]*)")
_Data = TypeVar("_Data", bound=Model)
_DataModel = type[Model]
_MessageModel = type[Message[Any]]


@dataclass(frozen=True)
class Contract:
    """One kind of message in one major version."""

    type: str
    """Name and version, as the envelope's `type` has them: `referral.requested.v2`."""
    name: str
    version: int
    data: _DataModel
    message: _MessageModel
    """The envelope with this contract's type and data: what is validated, and what the JSON Schema is made from."""
    meaning: str
    sent_by: SentBy
    received_by: ReceivedBy
    personal_data: bool
    """Whether it is about a person: under an id or a case code, with all else sealed."""
    about: str | None
    """The field of the data whose id is the envelope's `subject`."""
    numbered: bool
    """Whether it carries the `sequence` of its subject."""

    @property
    def answers_whoever_asked(self) -> bool:
        """Whether it is for the system that asked alone; what is numbered says how something stands, to all of them."""
        return self.received_by == "whoever sent it" and not self.numbered


CONTRACTS: dict[str, Contract] = {}
"""Every contract by its type; filled as the modules of contracts are imported."""

_BY_DATA: dict[type[Model], Contract] = {}


def contract(
    named: str,
    *,
    sent_by: SentBy,
    received_by: ReceivedBy,
    personal_data: bool,
    about: str | None,
    numbered: bool = False,
) -> Callable[[type[_Data]], type[_Data]]:
    """Register the data model below as the contract `named`; its docstring is the contract's meaning."""
    parts = _TYPE.fullmatch(named)
    if parts is None or named in CONTRACTS:
        raise ValueError(f"{named} is not a contract's type, or is taken")

    def register(data: type[_Data]) -> type[_Data]:
        fields: dict[str, Any] = {"type": Literal[named], "data": data}
        message: _MessageModel = create_model(f"Message {named}", __base__=Message, **fields)
        message.about = about
        message.numbered = numbered
        meaning = " ".join((data.__doc__ or "").split())
        CONTRACTS[named] = _BY_DATA[data] = Contract(
            type=named,
            name=parts["name"],
            version=int(parts["version"]),
            data=data,
            message=message,
            meaning=meaning,
            sent_by=sent_by,
            received_by=received_by,
            personal_data=personal_data,
            about=about,
            numbered=numbered,
        )
        return data

    return register


def contract_of(data: type[Model] | Model) -> Contract:
    """Find the contract of a data model or of an instance of one; KeyError when it is not a contract's."""
    return _BY_DATA[data if isinstance(data, type) else type(data)]
