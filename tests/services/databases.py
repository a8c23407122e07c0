"""A service's database as it is when the service begins to run."""

from pathlib import Path

from deploy.local import organisations
from messaging import database, topology
from messaging.migrate import migrate


def make_tables(url: str, folder: Path) -> None:
    """Make the tables of the service in a folder; it knows the organisations of `network.toml`."""
    migrate(url, folder)
    network = topology.read()
    entries = [organisations.seed(id, said) for id, said in network.seeds.items()]
    with database.connect(url) as connection:
        organisations.record_in(connection, [organisations.recorded(one, network) for one in entries])
