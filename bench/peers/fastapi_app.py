"""Accepting by HTTP as one would begin: FastAPI, an async pool of ten, a row and its commit for each request.

    uvicorn bench.peers.fastapi_app:app --loop uvloop --http httptools --no-access-log

As in the documentation of both: a lifespan for the pool, a connection for each request. It checks no key, looks at
no more than the envelope, and passes nothing on: what is accepted is a row.
"""

import os
from contextlib import asynccontextmanager
from uuid import UUID

from fastapi import FastAPI, Request
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

POOL = 10

pool = AsyncConnectionPool(os.environ["SERVICE_DATABASE_URL"], min_size=POOL, max_size=POOL, open=False)


class Envelope(BaseModel):
    """What is looked at of a message."""

    id: UUID
    source: str
    type: str


@asynccontextmanager
async def lifespan(app):
    async with pool:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/messages", status_code=202)
async def accept(request: Request):
    body = await request.body()
    message = Envelope.model_validate_json(body)
    async with pool.connection() as connection:
        await connection.execute(
            "insert into message (source, message_id, type, body) values (%s, %s, %s, %s)",
            (message.source, message.id, message.type, body),
        )
    return {"id": message.id}
