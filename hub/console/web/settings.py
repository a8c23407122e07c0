"""What the process is told by its environment (docs/operations.md)."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.codes import OrganisationStatus
from hub.console import hosting
from hub.console.keyring import Keyring
from hub.console.web.accounts import Staff, at_present
from hub.gateway.audit import keys
from hub.gateway.http.limits import whole
from hub.gateway.http.listening import read_address
from hub.gateway.settings import setting
from messaging import register
from messaging.topology import Organisation, Service


@dataclass(frozen=True)
class Settings:
    """What the application has to know."""

    database_url: str
    keyring: Keyring
    sign: Callable[[bytes], bytes]
    """Signs the audit."""
    audit: Path
    """Where the copy of its checkpoints is."""
    organisations: Callable[[], Mapping[str, Organisation]]
    """Who takes part at a moment."""
    directory: Path
    """Everybody's public keys."""
    custody: Path | None = None
    """Where custody is asked; None: it is away."""
    port: int = 443
    is_encrypted: bool = True
    """Whether browsers come by https, to us or to a proxy."""
    lock_after: int = 10  # minutes without anybody's doing anything
    session_hours: int = 12  # after which the password is asked for again
    undo_seconds: int = 10  # in which what somebody has decided can be undone, before it is said; 0: it cannot
    mails_from: str | None = None
    """The address that notices come from; None: none are sent."""
    alerts_book: Path | None = None
    """The book of alerts (hub/monitor/alerts/keeping.py); None: nothing is known of them."""
    log_database_url: str | None = None
    """The message log (hub/monitor/log/), as a login that reads what pages show; None: nothing is known of it."""
    services: Mapping[str, Service] = field(default_factory=dict)
    """The hub's services, by their names: who reads which contracts."""
    operators: Mapping[str, str] = field(default_factory=dict)
    """By service: the address of its database as the login of operators; empty: nobody sees here what failed."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read it; raises SettingError, ValueError, TopologyError, UnusableKey, UnusableKeyring: one sentence each."""
        network, organisations = register.of_environment(environment)
        audit = Path(setting("CONSOLE_AUDIT_DIRECTORY", environment))
        url = environment.get("RUTA_CONSOLE_URL", "")
        times = {
            name: whole(variable, environment[variable], least)
            for name, variable, least in (
                ("lock_after", "RUTA_CONSOLE_LOCK_MINUTES", 1),
                ("session_hours", "RUTA_CONSOLE_SESSION_HOURS", 1),
                ("undo_seconds", "RUTA_CONSOLE_UNDO_SECONDS", 0),
            )
            if environment.get(variable)
        }
        return cls(
            setting("CONSOLE_DATABASE_URL", environment),
            Keyring.read(Path(setting("CONSOLE_KEY_FILE", environment))),
            keys.signer(audit),
            audit,
            organisations,
            Path(setting("RUTA_DIRECTORY_FILE", environment)),
            Path(socket) if (socket := environment.get("CONSOLE_CUSTODY_SOCKET")) else None,
            read_address(setting("CONSOLE_LISTEN", environment)).port,
            url.startswith("https:") if url else bool(environment.get("RUTA_CONSOLE_CERTIFICATE")),
            mails_from=environment.get("RUTA_SMTP_FROM") or None,
            alerts_book=Path(book) if (book := environment.get("CONSOLE_ALERTS_BOOK")) else None,
            log_database_url=environment.get("MONITOR_DATABASE_URL") or None,
            services=network.services,
            operators=_operators(environment.get("CONSOLE_OPERATORS", "")),
            **times,
        )

    def takes_part(self, organisation: str) -> bool:
        """Whether an organisation's staff may come in."""
        found = self.organisations().get(organisation)
        return found is not None and found.status is OrganisationStatus.ACTIVE

    def is_hosted(self, organisation: str) -> bool:
        """Whether an organisation uses the hub's screens: what it is sent is kept here, and custody has its key."""
        found = self.organisations().get(organisation)
        return found is not None and hosting.is_hosted(found)

    def at_present(self, staff: Staff) -> Staff:
        """Somebody with the roles that count now: those of the centre only while the organisation coordinates."""
        return at_present(staff, self.organisations().get(staff.organisation))

    def cookie(self, name: str) -> str:
        """What a cookie is called: by https so that no other site can set it.

        Without it, which is on this machine only, Safari takes no cookie that is `Secure`, and browsers give each port
        of a machine the cookies of the others: the port stands in the name.
        """
        return f"__Host-{name}" if self.is_encrypted else f"{name}-{self.port}"


def _operators(said: str) -> Mapping[str, str]:
    """Addresses by service. Raises ValueError, which quotes none of them: there are passwords in them."""
    try:
        read = json.loads(said) if said else {}
    except ValueError:
        read = None
    if not isinstance(read, dict) or not all(isinstance(one, str) for one in read.values()):
        raise ValueError(
            "CONSOLE_OPERATORS is no JSON object with the address of a database for each service"
        ) from None
    return read
