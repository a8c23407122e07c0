"""What `./ruta bench console` sums up of its figures."""

from bench.console import measured


def test_of_each_kind_of_page_the_slowest_counts_and_of_first_visits_the_heaviest() -> None:
    slow = {"Hoy: a": 4.0, "list: a": 9.0, "Buscar: a code": 3.0, "Caso: 200 steps": 7.0, "Absence": 99.0}
    figures = {
        "referrals": 12,
        "pages": {name: {"p95_ms": said} for name, said in slow.items()},
        "weight": {"Hoy: a": {"bytes": 2048, "sent": 1024}, "list: a": {"bytes": 1024, "sent": 512}},
    }
    assert measured.summary(figures) == {
        "lists": {"p95_ms": 9.0},
        "search": {"p95_ms": 3.0},
        "counts": {"p95_ms": 4.0},
        "case": {"p95_ms": 7.0},
        "first_visit_kb": 1.0,
        "rows": 12,
    }
