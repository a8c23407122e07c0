"""Which organisations use the hub's screens: those that take part and have a system named `console`."""

from collections.abc import Callable, Mapping
from typing import Final

from contracts.codes import OrganisationStatus
from messaging.topology import Organisation

CONSOLE: Final = "console"
OFFERED: Final = "referral.offered"

Organisations = Callable[[], Mapping[str, Organisation]]
"""Who takes part at the moment (messaging/register.py)."""


def hosted(organisations: Mapping[str, Organisation]) -> frozenset[str]:
    """Return their ids. One that is suspended is not among them: nothing of it is read or opened meanwhile."""
    return frozenset(id for id, one in organisations.items() if is_hosted(one))


def is_hosted(organisation: Organisation) -> bool:
    """Whether it takes part, and has such a system."""
    return organisation.status is OrganisationStatus.ACTIVE and uses_screens(organisation)


def uses_screens(organisation: Organisation) -> bool:
    """Whether it has such a system, suspended or not."""
    return any(system.name == CONSOLE for system in organisation.systems)


def decides_here(organisation: Organisation) -> bool:
    """Whether no other system of its own is offered referrals: then nobody there can answer but in the console."""
    return is_hosted(organisation) and organisation.address(OFFERED, notice=True) == address_of(organisation.id)


def address_of(organisation: str) -> str:
    """Where what is for an organisation's system `console` goes (System.address)."""
    return f"{organisation}.{CONSOLE}"
