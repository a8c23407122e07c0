"""The commands `./ruta partner …`; what they do is in deploy/local/membership.py and deploy/local/partner.py."""

import contextlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

from deploy.local.commands.reached import become, tables_of

if TYPE_CHECKING:
    from deploy.local.membership import Membership
    from deploy.local.partner import Partner

app = App(name="partner", help="See and change what the network knows of an organisation, while everything runs.")


@app.command
def init(folder: Path) -> None:
    """Make an organisation's private key in a folder of its own; print the public part, for `partner rotate`.

    It is for the organisation, on its machine, and asks nobody: `python -m ruta_contracts key new` does the same.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    become("contracts", ("key", "new", str(folder / "private.jwk")))


@app.command
def show(organisation: str) -> None:
    """Say on one screen who an organisation is, its keys and their age, what it sent, has not read, and was refused."""
    with _partner(organisation) as one:
        print(one.show())


@app.command(name="list")
def list_organisations() -> None:
    """Say in one line each which organisations there are, since when they are so, and what part they play."""
    with _membership() as members:
        print(members.table())


@app.command
def add(
    organisation: str,
    *,
    name: str | None = None,
    role: tuple[str, ...] = (),
    may_send: tuple[str, ...] = (),
    refers_to: tuple[str, ...] = (),
    systems: Path | None = None,
    contact: str | None = None,
    limit: tuple[str, ...] = (),
    amqp: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Let an organisation take part, or change what it may: what is not said stays as it was.

    Parameters
    ----------
    organisation
        Its short name, which stays: 2 to 40 of a-z, 0-9 and -.
    name
        What people call it.
    role
        A part that it plays, as deploy/network.toml has it: partner, employment, coordinator, custody. Or several.
    may_send
        A contract, without version, that it may send beside those of its roles. Several may be said; '': none.
    refers_to
        An organisation to which it may refer people, and to no other then. Several may be said; '*' is everybody.
    systems
        A TOML file with its systems, each a table as in deploy/network.toml: [attendance] reads = […].
    contact
        How an operator reaches its office.
    limit
        What it may ask more or less of than the others, as rate=200 (docs/operations.md); rate= is as for everybody.
    amqp
        Let it come in by AMQP, too, and not by HTTP alone.
    """
    with _membership() as members:
        said = members.add(
            organisation, name=name, roles=role, may_send=may_send, refers_to=refers_to, systems=systems,
            contact=contact, limits=limit, amqp=amqp,
        )  # fmt: skip
        print(said)


@app.command
def suspend(organisation: str) -> None:
    """Let nothing of an organisation in, and close its connections; what is for it is kept until it is resumed."""
    with _membership() as members:
        print(members.suspend(organisation))


@app.command
def resume(organisation: str) -> None:
    """Let an organisation that was suspended take part again."""
    with _membership() as members:
        print(members.resume(organisation))


@app.command
def remove(organisation: str, *, drop_unread: Annotated[bool, Parameter(negative=())] = False) -> None:
    """Let a suspended organisation take part no longer: its keys, its user and its queues end.

    Parameters
    ----------
    organisation
        Its short name.
    drop_unread
        Give up what waits for it and nobody has read.
    """
    with _membership() as members:
        print(members.remove(organisation, drop_unread=drop_unread))


@app.command
def readdress(organisation: str) -> None:
    """Give an organisation queues whose names nobody guesses; said again, end those of before once they are read."""
    with _membership() as members:
        print(members.readdress(organisation))


@app.command
def rotate(
    organisation: str,
    public_key: Path,
    *,
    overlap: Annotated[int, Parameter(validator=validators.Number(gte=0, lte=365))] = 30,
) -> None:
    """Let everybody seal to an organisation's own new key. The one before stays good for a while.

    Parameters
    ----------
    organisation
        Its short name.
    public_key
        The file that the organisation has sent, as `python -m ruta_contracts key` prints it.
    overlap
        Days for which what is sealed to the key before is still let through.
    """
    with _partner(organisation) as one:
        print(one.rotate(public_key, timedelta(days=overlap)))


@app.command
def revoke(organisation: str, key_id: str) -> None:
    """End a key at once: whoever else has it can read what is sealed to it.

    Parameters
    ----------
    organisation
        Its short name.
    key_id
        The key's thumbprint, as `partner show` says it.
    """
    with _partner(organisation) as one:
        print(one.revoke(key_id))


api_key = App(name="api-key", help="Hand an organisation one more key for HTTP, or end one, while everything runs.")
app.command(api_key)


@api_key.command
def new(organisation: str, *, system: str | None = None) -> None:
    """Make one more key for HTTP and show it, once; two may be valid at a time.

    Parameters
    ----------
    organisation
        Its short name.
    system
        Which of the organisation's systems is to use it; without this, the organisation itself.
    """
    with _partner(organisation) as one:
        print(one.new_api_key(system))
        print("ruta: hand it over now: it is kept nowhere, and shown to nobody again", file=sys.stderr)


@api_key.command(name="revoke")
def revoke_api_key(organisation: str, name: str) -> None:
    """End a key for HTTP within a second. No other is made in its place.

    Parameters
    ----------
    organisation
        Its short name.
    name
        What `partner show` calls the key: twelve letters and digits.
    """
    with _partner(organisation) as one:
        print(one.revoke_api_key(name))


@contextlib.contextmanager
def _partner(organisation: str) -> Iterator["Partner"]:
    """An organisation, in the network that runs, or the one that ran last."""
    from deploy.local.partner import opened

    with tables_of("gateway") as (state, address), opened(state, address, organisation) as one:
        yield one


@contextlib.contextmanager
def _membership() -> Iterator["Membership"]:
    """Who takes part in the network that runs, or the one that ran last."""
    from deploy.local.membership import opened

    with tables_of("gateway") as (state, address), opened(state, address) as members:
        yield members
