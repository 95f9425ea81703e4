"""The pages of other commands in a real browser: no error, no request, nothing that scrolls sideways."""

from pathlib import Path
from typing import Any

import pytest

from nas.ablate.asked import Asked, plan_of
from nas.ablate.summary import ablation_info, write_results
from nas.describe.drawing import page as described
from nas.describe.layers import describe
from nas.report import overlay
from search_spaces import zoo
from tests.nas.ablate.test_summary import SMALL, trained
from tests.nas.browsing import SIZES, browser, opened
from tests.nas.report.test_several import found

__all__ = ["browser"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    asked = Asked("mobilenet_v3_small", ("se", "kernel", "groups", "activation"), equal=("macs",))
    plan, _ = plan_of(asked, SMALL)
    trainings = trained(plan, {arch: 0.01 * place for place, arch in enumerate(plan.archs())})
    write_results(trainings, plan, ablation_info(trainings, plan, "<script>a</script>"), folder)
    overlay([("a", found(0.5, 0.6)), ("b", found(0.55, 0.56))], folder / "overlay")
    network = describe(zoo.get("mobilenet_v2_x0.5"))
    (folder / "described.html").write_text(described(network, "a network", "<p>A table.</p>"))
    return {name: folder / f"{name}.html" for name in ("ablation", "overlay", "described")}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["ablation", "overlay", "described"])
def test_no_error_no_request_and_nothing_sideways(
    browser: Any, pages: dict[str, Path], name: str, size: str
) -> None:
    page, errors = opened(browser, pages[name], size, "dark", drawn=name != "described")
    page.wait_for_timeout(200)
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    page.context.close()


def test_every_forest_says_its_rows(browser: Any, pages: dict[str, Path]) -> None:
    """Panels that stand below each other on a page cannot share the names at the left."""
    page, _ = opened(browser, pages["ablation"])
    names = page.evaluate(
        "[...document.querySelectorAll('.sheet:first-of-type .plot')].map(plot => plot.layout.yaxis.ticktext)"
    )
    assert len(names) == 2 and names[0] == names[1] and all(names[0])
    page.context.close()
