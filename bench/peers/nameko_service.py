"""The task on plain nameko: its consumer, its publisher with confirms, ten workers, a transaction for each message.

    nameko run --config bench/peers/nameko.yaml bench.peers.nameko_service

As in nameko's documentation: `consume` and `Publisher` of nameko.messaging, a dependency provider for the database,
a serializer registered in the configuration. nameko acknowledges once the worker has finished.
"""

import hashlib
import os
from datetime import UTC, datetime

from kombu import Exchange, Queue
from nameko.extensions import DependencyProvider
from nameko.messaging import Publisher, consume
from nameko.timer import timer
from psycopg_pool import ConnectionPool

import contracts
from bench import task
from bench.peers import statements

WORKERS = 10  # nameko's default, and the prefetch that goes with it


def decode(body):
    """Validate what arrives against the contract, and keep the digest of its bytes."""
    body = bytes(body)
    return contracts.parse(body), hashlib.sha256(body).digest()


def encode(body):
    """Answers are JSON already: the outbox holds them so."""
    return body


class Database(DependencyProvider):
    """A pool with a connection for each worker, and the positions of what has been published."""

    def setup(self):
        self.pool = ConnectionPool(os.environ["SERVICE_DATABASE_URL"], min_size=WORKERS, max_size=WORKERS, open=True)
        self.published = []

    def stop(self):
        with self.pool.connection() as connection:
            connection.execute(statements.FORGET_PUBLISHED, (self.published,))
        self.pool.close()

    def get_dependency(self, worker_ctx):
        return self


class ReferralsService:
    name = "referrals"

    database = Database()
    publish = Publisher(exchange=Exchange(task.EXCHANGE, no_declare=True), mandatory=True)

    @consume(Queue(task.QUEUE, no_declare=True))
    def record_referral(self, payload):
        message, digest = payload
        written = self.write(message, digest)
        if written is None:
            return
        position, answer = written
        self.publish(answer.to_json(), routing_key=f"to.{answer.recipient}", message_id=str(answer.id))
        self.database.published.append(position)

    @timer(interval=statements.SWEEP_EVERY)
    def sweep(self):
        """Publish what a process has left that was killed between its commit and the broker's confirm."""
        published, self.database.published = self.database.published, []
        with self.database.pool.connection() as connection:
            connection.execute(statements.FORGET_PUBLISHED, (published,))
            left = connection.execute(statements.BACKLOG).fetchall()
        for position, routing_key, message_id, body in left:
            self.publish(body.encode(), routing_key=routing_key, message_id=message_id)
            self.database.published.append(position)

    def write(self, message, digest):
        published, self.database.published = self.database.published, []
        try:
            with self.database.pool.connection() as connection:  # one transaction
                if connection.execute(statements.REGISTER, (message.source, message.id, digest)).rowcount == 0:
                    self.database.published += published
                    return None
                connection.execute(statements.SAVE_REFERRAL, task.referral_row(message))
                now = datetime.now(UTC)
                answer = contracts.stamp(task.answer(message, now), source="hub", time=now, cause=message)
                row = (f"to.{answer.recipient}", answer.id, answer.to_json().decode())
                (position,) = connection.execute(statements.WRITE_ANSWER, row).fetchone()
                connection.execute(statements.FORGET_PUBLISHED, (published,))
        except BaseException:
            self.database.published += published
            raise
        return position, answer
