"""Where multiply-adds mislead."""

from pathlib import Path

import pytest

from nas.figures.picture import save_png
from nas.latency.explaining import effects, explained
from nas.latency.table.table import Table
from search_spaces import spaces
from tests.nas.latency.table.synthetic import table
from tests.nas.search.small import KINDS, TINY


@pytest.fixture(scope="module")
def made() -> Table:
    return table(KINDS)


def test_what_takes_longer_than_its_multiply_adds_say_stands_out(made: Table) -> None:
    found = {change.component: change for change in effects(made, spaces.parse(KINDS), pairs=30)}
    assert set(found) == {"groups", "squeeze_excite", "block", "kernel"}  # the space has one activation
    assert found["groups"].macs < 1 and found["groups"].misleading > 1.05
    assert found["block"].change == "SandGlass for inverted residual" and found["block"].misleading > 1.2
    assert found["squeeze_excite"].change == "SE" and found["squeeze_excite"].macs >= 1
    for change in found.values():
        assert change.low <= change.time <= change.high and change.networks > 5


def test_a_space_without_choices_has_no_effects(made: Table) -> None:
    point = TINY.replace("kernel: [3, 5]", "kernel: [3]")
    assert effects(made, spaces.parse(point), pairs=5) == []


def test_the_picture_marks_them(made: Table, tmp_path: Path) -> None:
    space = spaces.parse(KINDS)
    sheet = explained(made, space, effects(made, space, pairs=20), drawn=60)
    (cloud, _), (changes, _) = sheet.panels
    names = {series.name: len(series.x) for series in cloud.series}
    assert names.pop("timed whole") == 20
    assert sum(names.values()) == 60 and {"mostly grouped", "mostly SandGlass"} <= set(names)
    assert {"SE", "groups 2", "SandGlass for inverted residual"} <= {label.text for label in changes.labels}
    save_png(sheet, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 10_000
