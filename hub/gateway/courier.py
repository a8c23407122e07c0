"""The courier: writes down what the hub has for organisations, and what became of what they sent.

    python -m hub.gateway.courier       (GATEWAY_DATABASE_URL, GATEWAY_HUB_AMQP_URL, RUTA_NETWORK_FILE,
                                         GATEWAY_AUDIT_DIRECTORY)

It reads the queue `ledger` as messaging/batch_writer.py says, and writes each batch in one transaction
(hub/gateway/ledger.py); what comes again is known there.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg

from hub.gateway import erasing, keeping, ledger
from hub.gateway.audit.refusals import Appending
from hub.gateway.ledger import Entry
from hub.gateway.settings import SettingError, setting
from messaging import database, frames, inbox, register
from messaging import log as logs
from messaging.batch_writer import ITS_OWN_FAULT, BatchWriter, Task, run_until_asked
from messaging.health import health
from messaging.log import describe, fields
from messaging.topology import COURIER, LEDGER, Organisation, Service, TopologyError

log = logging.getLogger("ruta.courier")

BATCH = 250  # messages in one transaction at most
PREFETCH = 2 * BATCH  # one batch being written, one on the way
APART = 0.025  # seconds from one batch to the next
THE_COURIER = 0x436F7572  # the advisory lock of the one that writes


class Courier(BatchWriter):
    """Writes into the gateway's tables."""

    def __init__(
        self,
        database_url: str,
        amqp_url: str,
        services: Mapping[str, Service],
        organisations: Callable[[], Mapping[str, Organisation]],
    ) -> None:
        """`services` are the hub's, by name."""
        super().__init__(Task(COURIER, LEDGER, THE_COURIER, BATCH, PREFETCH, APART), database_url, amqp_url, log)
        self._services = services
        self._organisations = organisations

    def begin(self, connection: database.Connection) -> None:
        """See to it that no number is given out twice."""
        ledger.begin(connection)

    def write(self, connection: database.Connection, batch: Sequence[frames.Delivered]) -> int:
        """Write them all."""
        write(connection, [Entry(one.routing_key(), one.body) for one in batch], self._organisations())
        health.count("deliveries written", len(batch))
        return len(batch)

    def due(self, connection: database.Connection) -> Sequence[str]:
        """None where clocks are apart: what is too old for one is not for the other, and what is gone is gone."""
        return list(keeping.STEPS) if keeping.clocks_agree(connection) else []

    def keep(self, connection: database.Connection, step: str) -> bool:
        """Delete some of what is too old."""
        return keeping.keep(connection, step, self._services)


def write(connection: database.Connection, entries: Sequence[Entry], organisations: Mapping[str, Organisation]) -> None:
    """Write what came in one transaction; where some message keeps the others out, each in its own.

    One that cannot be written even alone is put aside as it is, in `parked`: it may not be lost, nor stop the others.
    Raises psycopg's errors when the database cannot do it now, whatever the message.
    """
    try:
        ledger.write(connection, ledger.read(entries, organisations))
        commit(connection)
        return
    except psycopg.Error as error:
        if connection.broken or not isinstance(error, ITS_OWN_FAULT):
            raise
        failed = describe(error)
        connection.rollback()
    except Exception as error:
        failed = describe(error)
        connection.rollback()
    if len(entries) > 1:
        for entry in entries:
            write(connection, [entry], organisations)
        return
    log.error("this cannot be written down, and is put aside", extra=fields(error=failed))
    inbox.park(connection, [inbox.parked_row(entries[0].body, None, "quarantined", "failed", error=failed)])
    erasing.look_into_what_is_parked(connection)
    commit(connection)


def commit(connection: database.Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()


def main() -> int:
    """Run the courier until SIGTERM or SIGINT; 1 if it ends before that.

    Ends with a sentence where what it needs to know of the network cannot be read.
    """
    logs.set_up(COURIER)
    try:
        network, organisations = register.of_environment()
        urls = setting("GATEWAY_DATABASE_URL"), setting("GATEWAY_HUB_AMQP_URL")
        courier = Courier(*urls, network.services, organisations)
    except (SettingError, TopologyError) as error:
        sys.exit(str(error))
    audit = os.environ.get("GATEWAY_AUDIT_DIRECTORY")
    beside = [Appending(setting("GATEWAY_DATABASE_URL"), Path(audit))] if audit else []
    return run_until_asked(COURIER, courier, beside)


if __name__ == "__main__":
    sys.exit(main())
