"""The same alerts as rules for Prometheus and Alertmanager, made from their pages (deploy/monitoring).

`./ruta generate` writes them. What an alert hides here (pages.toml) is inhibited there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

from hub.monitor.alerts import pages, settings
from hub.monitor.alerts.pages import Page

HEAD: Final = "# Written by `./ruta generate` from hub/monitor/alerts/pages.toml and deploy/alerts.toml."
SEVERITY: Final[Mapping[pages.Wait, str]] = {"never": "page", "no_emergency": "page", "morning": "morning"}
RECEIVERS: Final = """
# Whom to tell: fill in what Alertmanager's documentation calls receivers.
route:
  receiver: on-duty
  group_by: [alertname]
  group_wait: 30s
  repeat_interval: 1h
  routes:
    - matchers: ['severity="morning"']
      receiver: on-duty
      repeat_interval: 24h
      mute_time_intervals: [night]

# 21:00 to 7:00 of Colombia, in UTC.
time_intervals:
  - name: night
    time_intervals:
      - times: [{start_time: "02:00", end_time: "12:00"}]

receivers:
  - name: on-duty
    webhook_configs:
      - url: http://127.0.0.1:9/   # yours
"""


def name_of(alert: str) -> str:
    """What an alert is called there: `broker_away` is `RutaBrokerAway`."""
    return "Ruta" + "".join(word.capitalize() for word in alert.split("_"))


def expression(page: Page) -> str:
    """Return what holds while there is such an alert."""
    if page.expr is not None:
        return page.expr.format(**asdict(settings.read().thresholds))
    of = f'{{alert="{page.name}"}}'
    return f"ruta_problem_parts{of} > 0 or on (alert) ruta_problems{of} > 0"


def rules() -> str:
    """Return the file of rules."""
    return "\n".join([HEAD, *_rules(), ""])


def _rules() -> Iterator[str]:
    yield "groups:"
    yield "  - name: ruta"
    yield "    rules:"
    for page in pages.read().values():
        yield f"      - alert: {name_of(page.name)}"
        yield f"        expr: {json.dumps(expression(page))}"
        yield f"        for: {page.after}s"
        yield f"        labels: {{severity: {SEVERITY[page.wait]}, wait: {page.wait}}}"
        yield "        annotations:"
        yield f"          summary: {json.dumps(page.title)}"
        yield f"          description: {json.dumps(page.means)}"
        yield f"          first: {json.dumps(page.first)}"
        yield f"          more: ./ruta help {page.name}"


def alertmanager() -> str:
    """Return the configuration of Alertmanager: an example of routes, and what hides what."""
    return "\n".join([HEAD + RECEIVERS, *_inhibitions(), ""])


def _inhibitions() -> Iterator[str]:
    yield "inhibit_rules:"
    for page in pages.read().values():
        for hidden, more in ((page.hides, ""), (page.hides_same, "part")):
            if hidden:
                names = "|".join(name_of(name) for name in pages.read() if name in hidden)
                same = """, 'part=~".+"'""" if more else ""
                yield f"  - source_matchers: ['alertname=\"{name_of(page.name)}\"'{same}]"
                yield f"    target_matchers: ['alertname=~\"{names}\"']"
                if more:
                    yield "    equal: [part]"
