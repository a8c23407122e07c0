"""The Unix socket: whoever may connect to it runs as we do; each asks once, is answered once, and holds nobody up."""

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from hub.console.custody.protocol import MOST_ASKED, written

log = logging.getLogger("ruta.custody")

ASKED_WITHIN: Final = 5.0  # seconds for who has connected to ask
TAKEN_WITHIN: Final = 10.0  # seconds for the answer to be taken
AT_ONCE: Final = 8  # that are worked on; each has a connection to the database
MOST_UNDER_WAY: Final = 256  # with those that wait for that
CALLERS: Final = 512  # that wait to be let in
CREDENTIALS: Final = struct.Struct("3i")  # of the process at the other end: its id, user and group


class Server:
    """Answers each line with what `answer` makes of it, in a thread."""

    def __init__(self, path: Path, answer: Callable[[bytes], bytes]) -> None:
        self._path = path
        self._answer = answer
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="custody")
        self._under_way = 0

    async def run(self, stopping: asyncio.Event, ready: Callable[[], None]) -> None:
        """Listen until stopped, and finish what is under way. Raises OSError where that cannot be."""
        listening = listen(self._path)
        server = await asyncio.start_unix_server(self._attend, sock=listening, limit=MOST_ASKED)
        ready()
        await stopping.wait()
        server.close()
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ASKED_WITHIN + TAKEN_WITHIN):
                while self._under_way:
                    await asyncio.sleep(0.01)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not _is_ours(writer):
            writer.transport.abort()
            return
        if self._under_way >= MOST_UNDER_WAY:
            await self._answered(reader, writer, _busy)
            return
        self._under_way += 1
        try:
            await self._answered(reader, writer, self._worked_on)
        finally:
            self._under_way -= 1

    async def _answered(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[bytes], Awaitable[bytes]]
    ) -> None:
        """Read the line before it is answered, busy or not: who still writes when we close does not get to read."""
        try:
            line = await _asked(reader)
            writer.write(await answer(line) if line else written({"code": "not_a_request"}))
            async with asyncio.timeout(TAKEN_WITHIN):
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, OSError):
            writer.transport.abort()

    async def _worked_on(self, line: bytes) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, line)


async def _asked(reader: asyncio.StreamReader) -> bytes:
    """What was asked, with its end of line; nothing where none came in time or it is longer than may be."""
    try:
        async with asyncio.timeout(ASKED_WITHIN):
            line = await reader.readline()
    except (TimeoutError, ValueError, OSError):  # ValueError: longer than may be
        return b""
    return line if line.endswith(b"\n") else b""


async def _busy(_: bytes) -> bytes:
    return written({"code": "busy"})


def listen(path: Path) -> socket.socket:
    """Listen there, its owner alone, in the place of whoever has listened before. Raises OSError."""
    with address_of(path.with_name(f"{path.name}.new")) as new:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)  # noqa: PTH108 - it is no path of a file that stays
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listening.bind(new)
        except OSError:
            listening.close()
            raise
        finally:
            os.umask(before)
        listening.listen(CALLERS)
        path.with_name(f"{path.name}.new").replace(path)
    return listening


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """The address of a Unix socket, which may have 107 bytes, whatever the path has. Raises OSError."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether the process at the other end is of our own user: the socket's mode says so, too, but for the system's."""
    its_socket = writer.get_extra_info("socket")
    said = its_socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    _, user, _ = CREDENTIALS.unpack(said)
    return bool(user == os.getuid())
