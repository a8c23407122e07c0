"""Command line of the directory.

python -m tools.directory export [--organisation ID] > services.json       (SERVICE_DATABASE_URL: that of referrals)
python -m tools.directory import FILE --organisation ID [--terms FILE] [--zone CODE] [--credentials FILE]
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
from cyclopts import App, Parameter

from contracts.places import places
from messaging import topology
from messaging.addresses import AddressError
from messaging.broker import BrokerLost
from tools.directory.checking import faults
from tools.directory.exporting import page_of, to_hsds
from tools.directory.importing import Imported, NotAServiceError, from_hsds, services_in
from tools.directory.reading import read_directory
from tools.directory.sending import NotTakenError, publish
from tools.directory.terms import Terms, UnusableTermsError, read_terms

app = App(name="ruta directory", help="The directory of services in HSDS 3.0.", version_flags=[])


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
    names = {one.id: one.name for one in topology.read(_network_file()).organisations.values()}
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
    json.dump(page_of(documents), sys.stdout, ensure_ascii=False, indent=2)
    print()
    return 0


@app.command(name="import")
def import_(
    file: Path,
    *,
    organisation: str,
    terms: Path | None = None,
    zone: str | None = None,
    confidential: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    credentials: Path | None = None,
) -> int:
    """Read services from a file in HSDS 3.0, and print what to say of each, a line of JSON each; or say it.

    What has no place in the network is dropped, and named on the standard error. Exit status 0: every service was read;
    1: some could not be; 2: nothing could be.

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
    credentials
        What the organisation was handed: the services are published, and not printed.
    """
    if zone is not None and zone not in places():
        return _end(f"{zone} is no municipality's DIVIPOLA code")
    try:
        meanings = Terms() if terms is None else read_terms(terms)
        documents = services_in(json.loads(file.read_text(encoding="utf-8")))
    except (UnusableTermsError, NotAServiceError) as error:
        return _end(str(error))
    except OSError as error:
        return _end(f"cannot read {file}: {error.strerror}")
    except (ValueError, RecursionError):
        return _end(f"{file} is not JSON")
    read = [_read(document, meanings, zone, confidential) for document in documents]
    services = [one.service for one in read if one is not None]
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
    return 0 if len(services) == len(documents) else 1


def _read(document: dict[str, Any], terms: Terms, zone: str | None, confidential: tuple[str, ...]) -> Imported | None:
    own = str(document.get("id"))
    try:
        imported = from_hsds(document, terms=terms, zone=zone, confidential=own in confidential)
    except NotAServiceError as error:
        print(f"{own}: not read: {error}", file=sys.stderr)
        return None
    for dropped in imported.dropped:
        print(f"{own}: dropped: {dropped}", file=sys.stderr)
    return imported


def _network_file() -> Path:
    return Path(os.environ.get("RUTA_NETWORK_FILE", topology.NETWORK_FILE))


def _end(why: str, *, status: int = 2) -> int:
    print(f"directory: {why}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(app())
