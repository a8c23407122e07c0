"""How long until a list is there to be used, on an old telephone with a slow connection, in Chromium."""

import time
from collections.abc import Mapping
from typing import Any, Final

from playwright.sync_api import sync_playwright

from deploy.local import OperatorError
from screens.visiting import WIDTHS, chromium

PHONE: Final = 360
BYTES_A_SECOND: Final = 400_000 / 8
ROUND_TRIP_MS: Final = 400
SLOWER: Final = 4  # times: the processor
WITHIN: Final = 60_000  # milliseconds
GOAL_S: Final = 3.0


def measure(address: str, path: str, cookies: Mapping[str, str], visits: int) -> dict[str, Any]:
    """Visit a page so often, each time for the first time; returns seconds, of the slowest, and rows that it showed.

    It is there to be used once all that it names has come and its last link has a place. Raises OperatorError.
    """
    found = chromium()
    if found is None:
        raise OperatorError("There is no browser; please install it: sudo apt-get install -y chromium")
    took = list[float]()
    rows = 0
    with sync_playwright() as playwright:
        # Its own sandbox asks for what root and containers do not have; it opens nothing but our pages.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            for _ in range(visits):
                context = browser.new_context(viewport={"width": PHONE, "height": WIDTHS[PHONE]}, locale="es-CO")
                context.add_cookies([{"name": name, "value": said, "url": address} for name, said in cookies.items()])
                page = context.new_page()
                page.set_default_timeout(WITHIN)
                devtools = context.new_cdp_session(page)
                devtools.send("Network.enable")
                devtools.send(
                    "Network.emulateNetworkConditions",
                    {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": BYTES_A_SECOND,
                     "uploadThroughput": BYTES_A_SECOND},
                )  # fmt: skip
                devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
                began = time.perf_counter()
                page.goto(address + path, wait_until="load")
                page.locator("main a").last.bounding_box()
                took.append(time.perf_counter() - began)
                rows = page.locator("main tbody tr").count()
                context.close()
        finally:
            browser.close()
    return {"seconds": round(max(took), 2), "rows": rows, "visits": visits}
