"""What goes wrong on purpose: who is killed when, and word of who comes back."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from demo.organisations import Organisation
from deploy.local import Network

# A process of the hub stands still before it is killed: until the organisations have sent so many more messages, if
# they have any, and then for as long as those take to get to it.
SENT_MEANWHILE, SENT_WITHIN, FROZEN = 10, 2.0, 0.3  # messages, seconds, seconds
AWAY = 1.5  # seconds that a killed organisation takes to start its system again

# At which part of the day's messages who is killed. The hub's processes are brought back by their supervisor, and none
# is killed while another is away. First the one that has most to do, in the middle of it on the slowest machine, too.
KILLED_AT = (
    (0.15, "gateway-http"),
    (0.20, "courier"),
    (0.25, "redcross"),
    (0.40, "referrals"),
    (0.55, "relay"),
    (0.65, "gateway"),
    (0.75, "intake"),
)


@dataclass
class Chaos:
    """Kills and, for an organisation, starts again; call `look` often."""

    network: Network
    organisations: Mapping[str, Organisation]
    say: Callable[[str], None]
    faults: list[str] = field(default_factory=list)
    _away: dict[str, float] = field(default_factory=dict)  # since when
    _restarted: set[str] = field(default_factory=set)

    def look(self, part: float) -> None:
        """Do what is due once this part of the day's messages has been sent, and say who is back."""
        for at, name in KILLED_AT:
            if part >= at and name not in self.faults and not any(one in self.network.processes for one in self._away):
                self._kill(name)
        for name, since in list(self._away.items()):
            if name in self.organisations and name not in self._restarted and time.monotonic() - since > AWAY:
                self._restarted.add(name)
                self.organisations[name].start()
            if self._is_back(name):
                del self._away[name]
                self.say(f"{name} is back after {time.monotonic() - since:.1f} s")

    def _kill(self, name: str) -> None:
        self.faults.append(name)
        self._away[name] = time.monotonic()
        if name in self.organisations:
            self.say(f"kill -9: the system of {name}")
            self.organisations[name].kill()
        else:
            # Frozen first, so that the broker goes on handing it messages that it will never acknowledge.
            self.network[name].pause()
            before, deadline = self._sent(), time.monotonic() + SENT_WITHIN
            while self._sent() < before + SENT_MEANWHILE and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(FROZEN)
            self.say(f"kill -9: the hub's {name}")
            self.network[name].kill()

    def _sent(self) -> int:
        return sum(organisation.progress["confirmed"] for organisation in self.organisations.values())

    def _is_back(self, name: str) -> bool:
        if name in self.organisations:
            return name in self._restarted and self.organisations[name].ready.is_set()
        process = self.network[name]
        return process.pid is not None and process.is_ready()

    def is_away(self, name: str) -> bool:
        """Whether this one has been killed and is not back yet."""
        return name in self._away
