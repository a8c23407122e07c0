"""The directory of public keys by HTTP, as the hub has signed it (deploy/local/issuing.py).

    GET /v1/directory     a compact JWS; with If-None-Match 304 where nothing has changed

It can only be read here: a key comes in by an operator, who knows whom it is from (`./ruta partner rotate`).
"""

from psycopg.rows import tuple_row
from starlette.requests import Request
from starlette.responses import Response

from hub.gateway.http import keys, limits
from hub.gateway.http.asking import RETRY_AFTER
from hub.gateway.http.delivered import DatabaseAway, connected
from hub.gateway.http.problems import Problem

PATH = "/v1/directory"
MEDIA_TYPE = "application/jose"  # of a compact JWS (RFC 7515, 9.2.1)
LAST = "select number, jws from key_directory order by number desc limit 1"


async def read(request: Request) -> Response:
    """Answer with the directory that is in force; 304 where the caller has it already."""
    limits.parameters(request.scope["query_string"])
    try:
        async with connected(request.app.state.pool, keys.caller(request).organisation) as connection:
            row = await (await connection.cursor(row_factory=tuple_row).execute(LAST)).fetchone()
    except DatabaseAway:
        raise Problem(503, "database_away", retry_after=RETRY_AFTER) from None
    if row is None:  # whoever provisions has made the tables, and writes the first one next
        raise Problem(503, "database_away", retry_after=RETRY_AFTER)
    number, signed = row
    headers = {"etag": f'"{number}"', "cache-control": "private, no-cache"}
    if headers["etag"] in _tags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(signed, media_type=MEDIA_TYPE, headers=headers)


def _tags(said: str) -> set[str]:
    """The tags that a caller names, of which only the number counts (RFC 9110, 13.1.2: compared weakly)."""
    return {one.strip().removeprefix("W/") for one in said.split(",")}
