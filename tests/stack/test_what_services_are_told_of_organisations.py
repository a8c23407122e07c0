"""What services are notified of about an organisation, as its row and the network's roles have it."""

from contracts.codes import Power
from deploy.local.organisations import recorded, seed
from messaging import topology

SCREENS = {"console": {"reads": ["*"], "amqp": False}}


def test_who_reads_with_the_hubs_screens_is_told_as_such_beside_what_its_roles_let_it_do() -> None:
    network = topology.read()
    said = {"name": "", "roles": ["coordinator"]}
    assert recorded(seed("clinic", said), network).powers == (Power.COORDINATE,)
    assert recorded(seed("clinic", {**said, "systems": SCREENS}), network).powers == (
        Power.COORDINATE,
        Power.USES_SCREENS,
    )
