"""The commands `./ruta staff …`; what they do is in deploy/local/staff.py."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cyclopts import App

from deploy.local.commands.reached import tables_of
from deploy.local.state import State, default_directory

if TYPE_CHECKING:
    from deploy.local.staff import StaffOffice

app = App(name="staff", help="See and change who may come into the console, while everything runs.")


@app.command(name="add")
def add_staff(name: str, *, organisation: str, login: str, role: tuple[str, ...]) -> None:
    """Let somebody enrol; what to hand over is shown, once.

    Parameters
    ----------
    name
        As colleagues are to see it.
    organisation
        Whose staff it is, by its short name.
    login
        What they type to come in: 2 to 60 of a-z, 0-9 and . _ @ -.
    role
        coordinator, partner_staff, auditor, administrator, operations. Several may be said.
    """
    with _staff() as office:
        print(office.add(name, organisation=organisation, login=login, roles=role))


@app.command(name="suspend")
def suspend_staff(code: str) -> None:
    """Let somebody in no more, and end what they have open at once.

    Parameters
    ----------
    code
        Their code, or their login name.
    """
    with _staff() as office:
        print(office.suspend(code))


@app.command(name="resume")
def resume_staff(code: str) -> None:
    """Let somebody who was suspended in again, with the password and authenticator that they had.

    Parameters
    ----------
    code
        Their code, or their login name.
    """
    with _staff() as office:
        print(office.resume(code))


@app.command(name="show")
def show_staff(code: str | None = None) -> None:
    """Say in one line each who may come in: code, organisation, login name, name, roles, and whether they do.

    Parameters
    ----------
    code
        Only this one, by code or login name.
    """
    with _staff() as office:
        print(office.show(code))


@app.command(name="code")
def code_of_sample(login: str | None = None) -> None:
    """Say the code of the authenticator of somebody of the sample (`./ruta up --sample`), or who there is.

    Parameters
    ----------
    login
        Their login name; without it, all of them, and what they come in with.
    """
    from demo.sample import accounts

    known = accounts.known(State(default_directory()).sample)
    print(accounts.code_of(known, login or "") if login or not known else accounts.table(known))


@app.command(name="saw")
def who_saw(person: str) -> None:
    """Say who saw or did what of a person in the console, the oldest first; of who was erased, nothing.

    Parameters
    ----------
    person
        The person's id, or the code of a case.
    """
    with _staff() as office:
        print(office.saw(person))


@contextlib.contextmanager
def _staff() -> Iterator["StaffOffice"]:
    """Who may come into the console of the network that runs, or of the one that ran last."""
    from deploy.local.staff import opened

    with tables_of("console") as (state, address), opened(state, address) as office:
        yield office
