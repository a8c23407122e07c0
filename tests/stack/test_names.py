"""No organisation has a name of the hub's own: not from the start, and not from before there was such a name."""

from pathlib import Path

import psycopg
import pytest

from deploy.local import OperatorError, Stack, membership
from deploy.local.provision import provision_databases
from messaging import topology
from messaging.topology import GATEWAY, DeclaredNetwork

ADD = """
    insert into organisation (id, number, name, roles, may_send, refers_to, systems, amqp, suffixes, status)
    values (%s, 1, 'Clinic', '{partner}', '{}', '{*}', '{}', true, '{""}', %s)
"""


@pytest.mark.parametrize("name", ["monitor", "log", "ledger", "gateway-http", "referrals"])
def test_a_name_of_the_hubs_own_is_nobodys_in_the_network_file_and_by_partner_add(
    name: str, provisioned: Stack, declared: DeclaredNetwork, tmp_path: Path
) -> None:
    provision_databases(provisioned, declared)  # others may have made it anew
    file = tmp_path / "network.toml"
    file.write_text(f'{topology.NETWORK_FILE.read_text()}\n[organisations.{name}]\nname = ""\nroles = ["partner"]\n')
    with pytest.raises(topology.TopologyError, match="name_reserved"):
        topology.read(file)

    with (
        membership.opened(provisioned.state, provisioned.service_database_url(GATEWAY)) as members,
        pytest.raises(OperatorError, match="name_reserved"),
    ):
        members.add(name, name="Clinic", roles=["partner"])


def test_an_upgrade_with_an_organisation_of_such_a_name_says_so_and_changes_nothing(
    provisioned: Stack, declared: DeclaredNetwork
) -> None:
    provision_databases(provisioned, declared)
    with psycopg.connect(provisioned.service_database_url(GATEWAY), autocommit=True) as connection:
        try:
            connection.execute(ADD, ("ledger", "removed"))  # who has gone has no user, and disturbs nobody
            provision_databases(provisioned, declared)
            connection.execute(ADD, ("monitor", "suspended"))
            with pytest.raises(OperatorError, match=r"^name_reserved: monitor takes part .* remove monitor`"):
                provision_databases(provisioned, declared)
        finally:
            connection.execute("delete from organisation where id in ('monitor', 'ledger')")
