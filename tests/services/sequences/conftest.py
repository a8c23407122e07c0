"""A player of sequences for each service, on a database of its own that need not survive a power cut."""

from collections.abc import Callable, Iterator

import pytest

from deploy.local import Stack
from messaging import believing
from tests.services.databases import make_tables
from tests.services.network import SERVICES
from tests.services.outcomes.surroundings import folder_of, surroundings
from tests.services.sequences.playing import Player


@pytest.fixture(scope="module")  # not longer: around them the clock stands still
def player_of(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Player]]:
    """What plays a service's sequences, made when it is asked for first."""
    players: dict[str, Player] = {}

    def find(service: str) -> Player:
        if service not in players:
            name = f"sequences_{service}"
            stack.drop_database(name)
            url = stack.create_database(name)
            make_tables(url, folder_of(service))
            with stack.connect_as_administrator() as connection:
                connection.execute(f"alter database {name} set synchronous_commit = off")
            players[service] = Player(SERVICES[service], url)
        return players[service]

    with surroundings(tmp_path_factory.mktemp("sequences")), pytest.MonkeyPatch.context() as patch:
        patch.setattr(believing, "check_times", lambda _: None)  # who watches the handlers does it, and sees it
        yield find
    for player in players.values():
        player.close()
