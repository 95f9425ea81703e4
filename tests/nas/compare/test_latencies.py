"""nas.compare.latencies: which table predicts, and what is noted of it."""

from pathlib import Path

import pytest

from nas.common.errors import UserError
from nas.compare.latencies import find_table, predicted
from nas.networks.references import parse
from tests.nas.compare.small import A


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        find_table("nowhere", 224, 1000)
    with pytest.raises(UserError, match=r"nas\.latency table"):
        find_table(None, 208, 777)


def test_without_a_table_nothing_is_noted() -> None:
    assert predicted(None, [parse(A)]) == {}
