"""The last spans of a process that stops in order are sent, and none is waited for without an end."""

import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from messaging import tracing
from messaging.runtime import Delivery, Runtime
from tests.messaging.harness import Probe, service_published, wait_until
from tests.messaging.probe.service import ProbeService

HOLD_BACK = {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}  # ms: what comes before the end comes by the end


class Collector(ThreadingHTTPServer):
    """Where traces go; knows the names of the spans that have come, of which processes, and all bytes of them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Traces)
        self.spans: list[str] = []
        self.processes: set[str] = set()
        self._received: list[bytes] = []  # by several threads at once
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def received(self) -> bytes:
        return b"".join(self._received)

    def take(self, body: bytes) -> None:
        """Keep what a process has sent."""
        self._received.append(body)
        for one in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = [each.value.string_value for each in one.resource.attributes if each.key == "service.name"]
            self.processes.update(names)
            self.spans += [span.name.split()[0] for scope in one.scope_spans for span in scope.spans]


class _Traces(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.take(_plain(self, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:
        pass


def _plain(request: BaseHTTPRequestHandler, body: bytes) -> bytes:
    assert request.headers.get("Content-Encoding") in (None, "identity")
    return body


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector
        collector.shutdown()


def test_the_last_spans_of_a_service_that_stops_are_sent(probe: Probe, collector: Collector) -> None:
    service = probe.service(tampered={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **HOLD_BACK}).start()
    message = service_published()
    probe.send(message)
    probe.answers_to(message)

    assert service.stop() == 0
    assert sorted(collector.spans) == ["process", "publish", "receive"]


def test_the_last_spans_of_a_relay_that_stops_are_sent(probe: Probe, runtime: Runtime, collector: Collector) -> None:
    relay = probe.relay(tampered={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **HOLD_BACK}).start()
    message = service_published()
    runtime.apply(ProbeService(), [Delivery(1, message.to_json(), redelivered=False)])
    probe.answers_to(message)
    wait_until(lambda: relay.said("published the backlog"))

    assert relay.stop() == 0
    assert "publish" in collector.spans


def test_a_collector_that_says_nothing_holds_up_no_process() -> None:
    class Silent(SpanExporter):
        answers = threading.Event()

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            self.answers.wait()
            return SpanExportResult.SUCCESS

    tracing.set_up("probe", Silent())
    try:
        with tracing.processing(service_published(), service_published().time):
            pass
        began = time.monotonic()
        tracing.shut_down()
        assert tracing.FLUSH_WITHIN <= time.monotonic() - began < tracing.FLUSH_WITHIN + 1
    finally:
        Silent.answers.set()
        tracing.set_up("probe")
