"""nas.search.page: a page of every kind of run, and what stands on it."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plotly.offline import get_plotlyjs

from nas.figures.markup import data
from nas.search.page import write_html
from nas.search.page.growth import area_after
from nas.search.page.habits import habits
from nas.search.results import relative_hypervolume
from search_spaces import Arch
from tests.nas.search.made_up import EMPTY, rows, run

OVER = rows(accuracy=[0.5, 0.6], macs=[400e6, 500e6])
RUNS = {
    "nothing has run": {"trials": EMPTY, "front": EMPTY, "baselines": EMPTY},
    "under way": {"trials": rows(accuracy=[np.nan], state="RUNNING"), "front": EMPTY},
    "every trial failed": {
        "trials": rows(accuracy=[np.nan, np.nan], state="FAIL", reason="out of memory"),
        "front": EMPTY,
    },
    "no trial finished within the budget": {"trials": OVER, "front": EMPTY},
    "take trial 0": {"trials": rows(accuracy=[0.5]), "front": rows(accuracy=[0.5])},
}


def written(results: Any, folder: Path) -> str:
    """The page without plotly's script."""
    write_html(results, folder / "front.html")
    page = (folder / "front.html").read_text(encoding="utf-8")
    assert page.count(get_plotlyjs()) == 1
    return page.replace(get_plotlyjs(), "")


@pytest.mark.parametrize("said", RUNS)
def test_every_kind_of_run_has_a_page_that_says_so(said: str, tmp_path: Path) -> None:
    page = written(run(**RUNS[said]), tmp_path)
    answer = re.search(r'<p class="answer">(.*?)</p>', page, re.DOTALL)
    assert answer and said in answer[1] and "At most 300 M multiply-adds" in answer[1]


def test_why_trials_failed_is_said(tmp_path: Path) -> None:
    assert "failed 2 times: out of memory" in written(run(**RUNS["every trial failed"]), tmp_path)


def test_a_run_of_latencies_alone(tmp_path: Path) -> None:
    trials = rows(accuracy=[0.5, 0.6], latency_ms=[12.0, 20.0], predicted_ms=[12.0, 20.0])
    page = written(run(trials=trials, front=trials, objective="latency", budgets=("25ms",)), tmp_path)
    tabs = re.findall(r'aria-controls="against-(\w+)"', page)
    assert tabs == ["latency", "macs", "params"]
    assert "At most 25 ms latency on a Pixel 1: take trial 1: 60.0 % at 20.0 ms" in page


def test_the_page_stands_alone_and_escapes_what_the_user_named(tmp_path: Path) -> None:
    evil = "</script><script>alert('x')</script>"
    trials = rows(accuracy=[0.5], arch=evil)
    failed = rows(accuracy=[np.nan], state="FAIL", reason=evil, trial=[1])
    baselines = rows(accuracy=[0.4], name=[evil], arch=evil)
    results = run(data=evil, trials=pd.concat([trials, failed]), front=trials, baselines=baselines)
    (tmp_path / "manifest.json").write_text(json.dumps({"command": evil, "device": {"cpu": evil}}))
    page = written(results, tmp_path)
    assert "<script>alert" not in page
    assert "alert(" in page
    assert not re.search(r"<script[^>]+src=", page)
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize("manifest", ["", "[]", '{"device": 3', '{"versions": null}'])
def test_a_manifest_that_cannot_be_read_does_not_matter(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    assert "take trial 1" in written(run(), tmp_path)


def test_what_was_asked_and_the_command_stand_there(tmp_path: Path) -> None:
    command = "python -m nas.search --budget 300MFLOPs"
    (tmp_path / "manifest.json").write_text(json.dumps({"command": command, "git_revision": "abc"}))
    page = written(run(), tmp_path)
    for what in (command, "300MFLOPs", "some photographs", "3 epochs at 32x32", "tiny", "abc"):
        assert what in page


def test_pages_of_one_folder_link_to_each_other(tmp_path: Path) -> None:
    assert "<nav" not in written(run(), tmp_path)
    (tmp_path / "importance.html").write_text("")
    page = written(run(), tmp_path)
    assert 'href="importance.html"' in page
    assert '<span aria-current="page">Search</span>' in page


def content(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="run">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_script_knows_every_network_that_is_drawn(tmp_path: Path) -> None:
    known = content(written(run(), tmp_path))
    named = {one[0]: "-".join(known["parts"][part] for part in one[1]) for one in known["networks"]}
    trials = run().trials
    assert named.keys() == {"trial 0", "trial 1", "trial 2", "mobilenet_v3_large"}
    assert named["trial 1"] == trials["arch"][1]
    assert known["slider"]["high"] == 300
    assert [point["key"] for point in known["front"]] == ["trial 1", "trial 0"]


def test_data_in_a_script_can_end_no_script() -> None:
    assert "</" not in data({"a": "</script>"})
    assert json.loads(data({"a": "</script>"})) == {"a": "</script>"}


def test_the_area_grows_as_the_hypervolume_does() -> None:
    generator = np.random.default_rng(0)
    trials = rows(accuracy=generator.uniform(0.2, 0.9, 40), macs=generator.integers(10**7, 3 * 10**8, 40))
    results, point = run(trials=trials), (0.1, 3e8)
    counts, minutes, shares = area_after(trials, results, point)
    for count in (1, 7, 40):
        seen = trials.head(count)
        whole = 100 * relative_hypervolume(seen["accuracy"], seen["macs"], point)
        assert shares[max(i for i, n in enumerate(counts) if n <= count)] == pytest.approx(whole)
    assert shares == sorted(shares) and counts[-1] == 40
    assert minutes[-1] == pytest.approx(40 * 9 / 60)


def test_habits_count_networks_alike() -> None:
    one = Arch.parse("stem8-ir16_t2_s2-3xir16_t2-ir24_k5_t2_s2_se")
    other = Arch.parse("stem8-gs16_e8_s2_g2-ir24_t4_s2")
    sizes, found, spans = habits([one, other], 32)
    assert sizes == ["8x8", "4x4"] and spans == ["16", "24"]
    shares = {(habit.option, habit.value): habit.shares for habit in found}
    assert shares["block", "ir"] == (0.5, 1.0) and shares["block", "gs"] == (0.5, 0.0)
    assert shares["kernel", "5"] == (0.0, 0.5)
    assert shares["squeeze-excite", "yes"] == (0.0, 0.5)
    assert shares["expansion", "2"] == (1.0, 0.5), "a unit of ShuffleNet has none"
