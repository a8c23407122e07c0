"""Command line of the directory.

python -m tools.directory export [--organisation ID] > services.json       (SERVICE_DATABASE_URL: that of referrals)
python -m tools.directory import FILE --organisation ID [--terms FILE] [--zone CODE] [--credentials FILE]
"""

import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
from cyclopts import App, Parameter

import contracts
from contracts.places import places
from messaging import register
from messaging.addresses import AddressError
from messaging.broker import BrokerLost
from tools.directory.checking import faults, lacking
from tools.directory.contents import Contents, NotAServiceError, contents_of
from tools.directory.exporting import page_of, to_hsds
from tools.directory.files import UnreadableFileError, read_json
from tools.directory.hours import UTC_OFFSET
from tools.directory.importing import from_hsds
from tools.directory.reading import read_directory
from tools.directory.record import Json
from tools.directory.sending import NotTakenError, publish
from tools.directory.terms import Terms, UnusableTermsError, read_terms

app = App(name="ruta directory", help="The directory of services in HSDS 3.", version_flags=[])


@app.command
def export(*, organisation: str | None = None) -> int:
    """Write every published service as one page of HSDS's API.

    Exit status 0: written; 1: a document does not fit the official schema, and nothing is written; 2: no database.

    Parameters
    ----------
    organisation
        Only what this organisation offers.
    """
    url, now = os.environ.get("SERVICE_DATABASE_URL"), datetime.now(UTC)
    if url is None:
        return _end("SERVICE_DATABASE_URL has to name the database of the service referrals")
    _, organisations = register.of_environment()
    names = {one.id: one.name for one in organisations().values()}
    try:
        listed = read_directory(url)
    except psycopg.Error as error:
        return _end(f"the directory cannot be read: {type(error).__name__}")
    documents = [
        to_hsds(
            one.service,
            organisation=one.organisation,
            organisation_name=names.get(one.organisation, one.organisation),
            capacity=one.capacity,
            now=now,
        )
        for one in listed
        if organisation in (None, one.organisation)
    ]
    for document in documents:
        for fault in faults(document):
            return _end(f"the service {document['id']} does not fit HSDS 3.0: {fault}", status=1)
    page = page_of(documents)
    for path in lacking(page):
        return _end(f"the page does not fit HSDS 3.1: it lacks {path}", status=1)
    json.dump(page, sys.stdout, ensure_ascii=False, indent=2)
    print()
    return 0


Ids = Annotated[tuple[str, ...], Parameter(negative=())]


@app.command(name="import")
def import_(
    file: Path,
    *,
    organisation: str,
    terms: Path | None = None,
    zone: str | None = None,
    confidential: Ids = (),
    public: Ids = (),
    credentials: Path | None = None,
) -> int:
    """Read services from a file in HSDS 3, and print what to say of each, a line of JSON each; or say it.

    What has no place in the network is dropped, and named on the standard error. Exit status 0: every service was read;
    1: some could not be, or are not in the file; 2: the file, the terms or the credentials cannot be used.

    Parameters
    ----------
    file
        A service, a list of them, an organisation with its services, or a page of HSDS's API.
    organisation
        Whose services they are, as the network names it.
    terms
        What the file's terms, places and documents mean here: TOML with the tables needs, places and documents.
    zone
        The municipality (DIVIPOLA) of services that name none that is known.
    confidential
        The id of a service whose place is not to be known, whatever the file says; may be said several times.
    public
        The id of a service for a confidential need whose place everybody may know: without this it is left out; may be
        said several times.
    credentials
        What the organisation was handed: the services are published, and not printed.
    """
    if zone is not None and zone not in places():
        return _end(f"{zone} is no municipality's DIVIPOLA code")
    try:
        meanings = Terms() if terms is None else read_terms(terms)
        contents = contents_of(read_json(file), organisation=organisation)
    except (UnusableTermsError, UnreadableFileError, NotAServiceError) as error:
        return _end(str(error))
    wanted = _Wanted(meanings, zone, organisation, datetime.now(timezone(timedelta(hours=UTC_OFFSET))).date())
    try:
        hidden, shown = _ids("confidential", confidential, contents), _ids("public", public, contents)
    except ValueError as error:
        return _end(str(error))
    for what in (*contents.missing, *(f"dropped: {one}" for one in contents.dropped)):
        print(what, file=sys.stderr)
    services, complete = _read(contents.services, wanted, hidden, shown)
    if credentials is not None:
        try:
            publish(services, organisation, credentials)
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AddressError):
            return _end(f"{credentials} is not a file of credentials")
        except (ValueError, NotTakenError) as error:
            return _end(str(error))
        except BrokerLost as error:
            if isinstance(error, OSError) and error.filename is not None:
                return _end(f"cannot read {error.filename}: {error.strerror}")
            return _end(f"the services could not be published: {type(error).__name__}")
        print(f"published: {len(services)}", file=sys.stderr)
    else:
        for service in services:
            print(service.model_dump_json(exclude_none=True))
    return 0 if complete and not contents.missing else 1


@dataclass(frozen=True, slots=True)
class _Wanted:
    terms: Terms
    zone: str | None
    organisation: str
    today: date


def _read(
    documents: list[Json], wanted: _Wanted, hidden: set[UUID], shown: set[UUID]
) -> tuple[list[contracts.ServicePublished], bool]:
    """Read each service, and name what is dropped and what is in the way; False where not all became one.

    One that says the same twice is read once; of two that say different things under one id neither is.
    """
    first: dict[UUID, Json] = {}
    contradicted = set()
    for document in documents:
        if (own := _id(document.get("id"))) and first.setdefault(own, document) != document:
            contradicted.add(own)
    services, complete = [], True
    for number, document in enumerate(documents):
        own = _id(document.get("id"))
        called = f"service {number + 1}" if own is None else str(own)
        if own in contradicted:
            print(f"{called}: not read: the file says something else of a service with the same id", file=sys.stderr)
            complete = False
            continue
        if own is not None and first[own] is not document:
            print(f"{called}: dropped: the same once more", file=sys.stderr)
            continue
        try:
            imported = from_hsds(
                document,
                terms=wanted.terms,
                zone=wanted.zone,
                confidential=own in hidden,
                public=own in shown,
                organisation=wanted.organisation,
                today=wanted.today,
            )
        except NotAServiceError as error:
            print(*(f"{called}: not read: {fault}" for fault in error.faults), sep="\n", file=sys.stderr)
            complete = False
            continue
        services.append(imported.service)
        for dropped in imported.dropped:
            print(f"{called}: dropped: {dropped}", file=sys.stderr)
    return services, complete


def _id(said: Any) -> UUID | None:
    try:
        return UUID(said) if isinstance(said, str) else None
    except ValueError:
        return None


def _ids(option: str, said: Iterable[str], contents: Contents) -> set[UUID]:
    """Return the services that an option is about; raises ValueError where the file has one of them not.

    A slip of the pen would publish the place that it was to hide.
    """
    found, known = {_id(one) for one in said}, {_id(one.get("id")) for one in contents.services}
    if None in found or not found <= known:
        raise ValueError(f"--{option} has to be the id of a service of the file")
    return {one for one in found if one is not None}


def _end(why: str, *, status: int = 2) -> int:
    print(f"directory: {why}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(app())
