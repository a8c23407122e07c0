"""The log gives its oldest days up before the disk is full on which it lies: tried on a small one."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import sql

from deploy.local import Stack
from deploy.local.state import ROOT
from hub.monitor.log import __main__ as process
from hub.monitor.log import keeping
from hub.monitor.log.keeping import Settings
from messaging import clock
from messaging.migrate import migrate
from tests.hub.ledger import status
from tests.hub.monitor.logging import NOW, Log

ROOM, FREE, DAYS, EACH_DAY = 24, 60.0, 12, 2_000  # MiB, percent


@pytest.fixture
def small(stack: Stack) -> Iterator[Path]:
    """A file system with little room, as a tablespace of the server's."""
    if os.geteuid() != 0:
        pytest.skip("Only root can mount a file system that is small.")
    folder = Path(tempfile.mkdtemp(prefix="ruta-small-", dir="/tmp"))
    with stack.connect_as_administrator() as administrator:
        (shown,) = administrator.execute("show data_directory").fetchall()
        owner = Path(shown["data_directory"]).stat()
        options = f"size={ROOM}m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
        mounting = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
        )
        if mounting.returncode != 0:
            folder.rmdir()
            pytest.skip("A small file system cannot be mounted here.")
        try:
            administrator.execute(sql.SQL("create tablespace small location {}").format(sql.Literal(str(folder))))
            administrator.execute("grant create on tablespace small to public")
            yield folder
            stack.drop_database("monitor_small")
            administrator.execute("drop tablespace small")
        finally:
            subprocess.run(["umount", folder], check=False)
            folder.rmdir()


def test_the_oldest_days_go_before_the_disk_is_full(stack: Stack, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.drop_database("monitor_small")
    url = stack.create_database("monitor_small")
    migrate(url, ROOT / "hub" / "monitor")
    with stack.connect_as_administrator() as administrator:
        administrator.execute("alter database monitor_small set default_tablespace = small")
    log = Log(url)
    monkeypatch.setattr(clock, "machine_now", lambda: log.now)
    settings = Settings(free_percent=FREE, directory=small)
    try:
        for day in range(DAYS):
            log.now = NOW + timedelta(days=day)
            for _ in range(EACH_DAY // process.BATCH):
                process.keep_house(log.connection, settings)
                assert log.write(*(status("iom") for _ in range(process.BATCH))) == process.BATCH
        disk = shutil.disk_usage(small)
        assert disk.used > 4 * 1024**2, "the log lies there"
        assert disk.total < 2 * ROOM * 1024**2, "it is the small one"
        assert disk.free > 0

        (row,) = log.query("select min(arrived_at) as oldest, count(*) as many from message")
        assert row["oldest"] > NOW + timedelta(days=1)
        assert row["many"] % EACH_DAY == 0, "days go whole"
        assert keeping.days(log.connection)[0] == row["oldest"].date()
        today = log.query("select count(*) as many from message where arrived_at >= %s", NOW + timedelta(days=DAYS - 1))
        assert today[0]["many"] == EACH_DAY
    finally:
        log.close()
