"""nas.compare.latencies: which table predicts, and what is noted of it."""

from nas.compare.latencies import predicted
from nas.networks.references import parse
from tests.nas.compare.small import A


def test_without_a_table_nothing_is_noted() -> None:
    assert predicted(None, [parse(A)]) == {}
