"""The task on FastStream: prefetch 100, publisher confirms, an async pool of ten, a transaction for each message.

    faststream run bench.peers.faststream_service:app

As in FastStream's documentation: a codec for the contract, a publisher object, a lifespan for the pool, the command
line's uvloop. It acknowledges once the handler, and so its publication, has succeeded; NACK_ON_ERROR is the policy that
its documentation gives for messages that must not be lost.
"""

import asyncio
import hashlib
import logging
import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from psycopg_pool import AsyncConnectionPool

import contracts
from bench import task
from bench.peers import statements

POOL = 10
PREFETCH = 100

pool = AsyncConnectionPool(os.environ["SERVICE_DATABASE_URL"], min_size=POOL, max_size=POOL, open=False)
published = []  # positions in the outbox


class Request:
    """A request that has been validated, and the digest of its bytes."""

    def __init__(self, body):
        self.message = contracts.parse(body)
        self.digest = hashlib.sha256(body).digest()


class ContractCodec:
    """Validates what arrives against the contract; answers are JSON already."""

    async def decode(self, msg):
        return Request(msg.body)

    async def encode(self, answer, serializer=None):
        return answer, "application/cloudevents+json"


broker = RabbitBroker(
    os.environ["SERVICE_AMQP_URL"],
    default_channel=Channel(prefetch_count=PREFETCH, publisher_confirms=True, on_return_raises=True),
    codec=ContractCodec(),
    logger=logging.getLogger("bench"),  # warnings and errors, not two lines for each message
)
exchange = RabbitExchange(task.EXCHANGE, type=ExchangeType.TOPIC, durable=True, declare=False)
answers = broker.publisher(exchange=exchange, persist=True, mandatory=True)


@asynccontextmanager
async def lifespan():
    async with pool:
        sweeping = asyncio.create_task(sweep())
        yield
        sweeping.cancel()
        async with pool.connection() as connection:
            await connection.execute(statements.FORGET_PUBLISHED, (published,))


app = FastStream(broker, lifespan=lifespan)


async def sweep():
    """Publish what a process has left that was killed between its commit and the broker's confirm."""
    while True:
        await asyncio.sleep(statements.SWEEP_EVERY)
        async with pool.connection() as connection:
            global published
            forget, published = published, []
            await connection.execute(statements.FORGET_PUBLISHED, (forget,))
            left = await (await connection.execute(statements.BACKLOG)).fetchall()
        for position, routing_key, message_id, body in left:
            await answers.publish(body.encode(), routing_key=routing_key, message_id=message_id)
            published.append(position)


@broker.subscriber(RabbitQueue(task.QUEUE, declare=False), ack_policy=AckPolicy.NACK_ON_ERROR)
async def record_referral(request: Request):
    written = await write(request.message, request.digest)
    if written is None:
        return
    position, answer = written
    await answers.publish(answer.to_json(), routing_key=f"to.{answer.recipient}", message_id=str(answer.id))
    published.append(position)


async def write(message, digest):
    global published
    forget, published = published, []
    try:
        async with pool.connection() as connection:  # one transaction
            cursor = await connection.execute(statements.REGISTER, (message.source, message.id, digest))
            if cursor.rowcount == 0:
                published += forget
                return None
            await connection.execute(statements.SAVE_REFERRAL, task.referral_row(message))
            now = datetime.now(UTC)
            answer = contracts.stamp(task.answer(message, now), source="hub", time=now, cause=message)
            row = (f"to.{answer.recipient}", answer.id, answer.to_json().decode())
            (position,) = await (await connection.execute(statements.WRITE_ANSWER, row)).fetchone()
            await connection.execute(statements.FORGET_PUBLISHED, (forget,))
    except BaseException:
        published += forget
        raise
    return position, answer
