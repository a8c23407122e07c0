"""The organisations of the network in a file, which is written anew with every change of the gateway's database.

The processes of the gateway read it there: so one of them starts without the database, too, and knows then who took
part last; and nothing is restarted when an organisation comes, goes, or may do something else.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from contracts.codes import OrganisationStatus
from messaging import topology
from messaging.changes import state_of
from messaging.topology import DeclaredNetwork, Organisation, TopologyError, read_organisation

log = logging.getLogger("ruta.register")

LOOK_EVERY: Final = 0.2  # seconds between looks whether the file has changed


class Register:
    """The file, read anew once it has changed. May be used from several threads."""

    def __init__(self, network: DeclaredNetwork, file: Path) -> None:
        """`network` has the roles and services by which it is read. Raises TopologyError where it cannot be."""
        self._network = network
        self._file = file
        self._state = state_of(file)
        self._organisations = read(file, network).organisations
        self._looked_at = time.monotonic()
        self._looking = threading.Lock()

    def now(self) -> Mapping[str, Organisation]:
        """Who takes part at this moment, by id: those who are suspended, too, and nobody who was removed.

        As they were last, where the file cannot be read any more.
        """
        # One looks at a time: what a slow one has read would take the place of something newer.
        if time.monotonic() - self._looked_at >= LOOK_EVERY and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._organisations

    def _look(self) -> None:
        self._looked_at = time.monotonic()
        state = state_of(self._file)
        if state == self._state:
            return
        self._state = state  # also where it cannot be read: tried again, and said again, when it changes
        try:
            self._organisations = read(self._file, self._network).organisations
        except TopologyError as error:
            log.warning("%s: who took part before still does", error)


def of_environment(
    environment: Mapping[str, str] = os.environ,
) -> tuple[DeclaredNetwork, Callable[[], Mapping[str, Organisation]]]:
    """The network file (RUTA_NETWORK_FILE), and what returns who takes part at a moment (RUTA_ORGANISATIONS_FILE).

    Where no file of organisations is named, those of the network file do. Raises TopologyError.
    """
    network = topology.read(Path(environment.get("RUTA_NETWORK_FILE", topology.NETWORK_FILE)))
    named = environment.get("RUTA_ORGANISATIONS_FILE")
    return network, Register(network, Path(named)).now if named else lambda: network.organisations


def read(file: Path, network: DeclaredNetwork) -> DeclaredNetwork:
    """The network with the organisations that stand in the file now, in place of its own; raises TopologyError."""
    try:
        said = json.loads(file.read_text())["organisations"]
        statuses = {id: OrganisationStatus(one["status"]) for id, one in said.items()}
        organisations = {
            id: read_organisation(id, said[id]["said"], network, status, said[id]["suffixes"])
            for id, status in statuses.items()
            if status is not OrganisationStatus.REMOVED
        }
        return replace(network, organisations=organisations, removed=frozenset(said.keys() - organisations.keys()))
    except OSError as error:
        why = error.strerror or "unreadable"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"it is not as it should be: {error}"
    raise TopologyError(f"the file of organisations {file} (RUTA_ORGANISATIONS_FILE) cannot be used: {why}")


def written(organisations: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of such a file: of each organisation what `network.toml` could say of it (`said`), its status and the
    suffixes of its queues."""
    return json.dumps({"organisations": organisations}, indent=1, ensure_ascii=False)
