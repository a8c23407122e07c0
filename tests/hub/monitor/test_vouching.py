"""Who was sent a message the gateway tells whoever has the login and an id: of what the log shows, and nothing else."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest

from contracts import Message, uuid7
from deploy.local import Stack
from deploy.local.provision import provision_databases
from hub.gateway import ledger
from hub.monitor.web import having
from messaging import database, topology
from messaging.database import Connection
from messaging.topology import GATEWAY, MONITOR, DeclaredNetwork
from tests.examples import confidential_request
from tests.hub.ledger import entry, refused, said, status
from tests.hub.monitor.logging import Log

PROOF_BEFORE = """
    select sha256(key || sha256(key || uuid_send(%s) || int8send(extract(epoch from now())::bigint / 300 - %s)))
        as proof
    from vouching
"""


@pytest.fixture(scope="module")
def log_of_network(provisioned: Stack, declared: DeclaredNetwork) -> Iterator[Log]:
    """The log of the provisioned network, beside whose gateway it stands."""
    provision_databases(provisioned, declared)
    log = Log(provisioned.service_database_url(MONITOR))
    log.empty()
    yield log
    log.empty()
    log.close()


@pytest.fixture
def reader(provisioned: Stack, log_of_network: Log) -> Iterator[Connection]:
    with database.connect(provisioned.log_reader_database_url(MONITOR)) as connection:
        yield connection


@pytest.fixture
def operator(provisioned: Stack, log_of_network: Log) -> Iterator[Connection]:
    with database.connect(provisioned.operator_database_url(GATEWAY)) as connection:
        yield connection


def pass_on(stack: Stack, log: Log, *messages: Message) -> None:
    """Have the gateway deliver them, and the log write them down."""
    with database.connect(stack.service_database_url(GATEWAY)) as gateway:
        ledger.write(gateway, ledger.read([entry(one) for one in messages], topology.read().organisations))
        gateway.commit()
    log.write(*messages)


def vouched(reader: Connection, *ids: UUID) -> dict[UUID, bytes]:
    rows = reader.execute(having.VOUCHED, (list(ids),)).fetchall()
    reader.commit()
    return {row["id"]: bytes(row["proof"]) for row in rows}


def told(operator: Connection, ids: Sequence[UUID], proofs: Sequence[bytes | None]) -> list[tuple[str, UUID]]:
    rows = operator.execute(having.DELIVERED, (list(ids), list(proofs))).fetchall()
    operator.commit()
    return [(row["organisation"], row["message_id"]) for row in rows]


def test_it_is_told_of_what_the_log_shows_and_not_of_a_confidential_case(
    provisioned: Stack, log_of_network: Log, reader: Connection, operator: Connection
) -> None:
    """A status says nothing itself of its case; and of a refusal whom it is for is whose message was refused."""
    case = said(confidential_request(referral_id=uuid7()), source="redcross")
    log_of_network.write(case)
    of_case, refusal = (
        status("iom", case.data.referral_id),
        refused("no_consent", case.id, to="redcross", by="referrals"),
    )
    plain = status("iom")
    pass_on(provisioned, log_of_network, of_case, refusal, plain)
    ids = [of_case.id, refusal.id, plain.id]

    proofs = vouched(reader, *ids)

    assert [*proofs] == [plain.id]
    assert told(operator, ids, [proofs[plain.id]] * 3) == [("iom", plain.id)], "a proof is for one id"
    assert told(operator, ids, [None] * 3) == []
    assert told(operator, ids, [b""] * 3) == []
    assert told(operator, [plain.id], []) == []


def test_what_shows_later_to_be_of_a_case_is_told_no_longer(
    provisioned: Stack, log_of_network: Log, reader: Connection, operator: Connection
) -> None:
    case = said(confidential_request(referral_id=uuid7()), source="redcross")
    first = status("iom", case.data.referral_id)
    pass_on(provisioned, log_of_network, first)
    assert [*vouched(reader, first.id)] == [first.id]
    log_of_network.write(case)
    assert vouched(reader, first.id) == {}


def test_a_message_of_a_case_is_not_told_of_under_an_id_that_another_has_used(
    provisioned: Stack, log_of_network: Log, reader: Connection
) -> None:
    case = said(confidential_request(referral_id=uuid7()), source="redcross")
    log_of_network.write(case)
    shown = status("iom")
    log_of_network.write(said(shown.data, source="fuvadis", id=case.id))
    assert vouched(reader, case.id) == {}


def test_a_proof_holds_for_minutes_and_is_made_by_nobody_else(
    provisioned: Stack, log_of_network: Log, reader: Connection, operator: Connection
) -> None:
    plain = status("iom")
    pass_on(provisioned, log_of_network, plain)
    for ago, holds in ((0, True), (1, True), (3, False), (300, False)):
        (row,) = log_of_network.query(PROOF_BEFORE, plain.id, ago)
        assert bool(told(operator, [plain.id], [bytes(row["proof"])])) is holds
    for login in (reader, operator):
        with pytest.raises(Exception, match="permission denied"):
            login.execute("select * from vouching")
        login.rollback()


def test_without_a_key_nothing_is_told(
    provisioned: Stack, log_of_network: Log, reader: Connection, operator: Connection, declared: DeclaredNetwork
) -> None:
    plain = status("iom")
    pass_on(provisioned, log_of_network, plain)
    proofs = vouched(reader, plain.id)
    with database.connect(provisioned.service_database_url(GATEWAY)) as gateway:
        gateway.execute("delete from vouching")
        gateway.commit()
        assert told(operator, [plain.id], [*proofs.values()]) == []
        provision_databases(provisioned, declared)
    assert told(operator, [plain.id], [*proofs.values()]) == [("iom", plain.id)], "as provision has both have it"
