"""The command that writes a run's importances."""

from pathlib import Path

import pandas as pd
import pytest

from nas.common.errors import UserError
from nas.importance.__main__ import main
from nas.importance.found import COLUMNS
from nas.search.record import create_run
from tests.nas.importance.test_found import SPACE, plant
from tests.nas.search import small


def test_the_files_and_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    plant(create_run(folder, None, small.settings(space=SPACE), {"classes": 10}), 20)
    main(folder, shuffles=1, seed=0, storage=None)
    printed = capsys.readouterr().out
    assert "20 trials" in printed and "s1.kernel" in printed and "all kernel" in printed
    assert max(map(len, printed.splitlines())) <= 110
    table = pd.read_csv(folder / "importance.csv")
    assert list(table.columns) == list(COLUMNS) and table["choice"].is_unique
    page = (folder / "importance.html").read_text(encoding="utf-8")
    assert "s1.kernel" in page and "difference of their means" in page
    assert (folder / "importance.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run"):
        main(tmp_path, shuffles=0, seed=0, storage=None)
