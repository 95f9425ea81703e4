"""nas.ablate.study_file: a study as YAML, and what is said of one that is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.ablate.asked import Asked, StoryStep
from nas.ablate.study_file import read
from nas.common.errors import UserError
from nas.common.sizes import Rectangle
from nas.engine.terms import Terms

ROOT = Path(__file__).parents[3]


def written(folder: Path, text: str) -> Path:
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_says_what_the_command_line_can(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        title: mine
        network: mobilenet_v3_small
        components: [se, kernel]
        equal: macs, params
        per_stage: true
        pairs: [[se, kernel], "se, activation"]
        leave_one_in: true
        data: digits
        epochs: 2
        train_resolution: 64x128
        target_resolution: 96
        fit: stretch
        metric: f1
        class_weights: balanced
        target: data
        seed: 7
        seeds: 5
        """,
    )
    asked, terms, seeds = read(file)
    pairs = (("se", "kernel"), ("se", "activation"))
    assert asked == Asked(
        "mobilenet_v3_small", ("se", "kernel"), ("macs", "params"), True, pairs, True, title="mine"
    )
    assert seeds == 5 and terms == Terms(
        data="digits",
        epochs=2.0,
        seed=7,
        train_resolution=Rectangle(64, 128),
        target_resolution=96,
        fit="stretch",
        metric="f1",
        class_weights="balanced",
        target="data",
    )


def test_a_story_is_told_in_steps(tmp_path: Path) -> None:
    text = """
        equal: none
        steps:
          - {name: V2, network: mobilenet_v2}
          - {name: + SE, from: V2, switch: [se on]}
          - {name: both, from: + SE, switch: ["activation RE -> HS", "groups 1 -> 2, no shuffle"], as_is: false}
        """
    asked, _, seeds = read(written(tmp_path, text))
    assert asked.equal == () and seeds is None
    assert asked.steps == (
        StoryStep("V2", "mobilenet_v2"),
        StoryStep("+ SE", origin="V2", switches=(("se", "on"),)),
        StoryStep(
            "both", "", "+ SE", (("activation", "RE -> HS"), ("groups", "1 -> 2, no shuffle")), as_is=False
        ),
    )


STEP = "steps: [{name: A, network: mobilenet_v2}, "
WRONG = {
    "- 1": "expected keys and values",
    "components: [se": "no YAML",
    "title: 2020-99-99": "no YAML",
    "!!map abc": "no YAML",
    "seeds: 3\nepochs: 1\nseeds: 5": "'seeds' twice",
    STEP + "{name: B, from: A, from: C, switch: [se on]}]": "'from' twice",
    "component: se": "'component'; expected components",
    "components: [1]": "components",
    "seeds: many": "seeds",
    "seeds: 2.5": "whole number",
    "seeds: .inf": "whole number",
    "seed: .nan": "whole number",
    STEP + "]\npairs: [[se, kernel]]": "pairs: expected network",
    "epochs: [1]": "epochs",
    "seed: true": "seed",
    "per_stage: 1": "per_stage",
    "pairs: [[se, se]]": "se,se",
    "pairs: 3": "pairs",
    "title: 3": "title",
    "steps: 3": "steps",
    "steps: []\nnetwork: 5": "network",
    "steps: [{from: A, switch: [se on]}]": "step 1",
    "steps: [{name: A, from: B, switch: [se on]}]": "from 'B'",
    STEP + "{name: A, network: mobilenet_v2}]": "step 2",
    STEP + "{name: B, from: A}]": "either a network, or from and switch",
    STEP + "{name: B, from: A, network: mobilenet_v2}]": "either",
    STEP + "{name: B, from: A, swich: [se on]}]": "'swich'; expected switch",
    STEP + "{name: B, from: A, switch: [{se: on}]}]": "switch",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(text: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UserError) as error:
        read(file)
    assert WRONG[text] in str(error.value) and str(file) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml"):
        read(tmp_path / "nothing.yaml")


KEYS = ("title", "network", "components", "equal", "per_stage", "pairs", "steps", "seeds", "epochs", "data")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc,: ", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "from"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_nothing_but_a_user_error_comes_of_any_values(
    tmp_path_factory: object, told: dict[str, object]
) -> None:
    from nas.ablate.study_file import _understood

    try:
        asked, terms, _ = _understood(told)
    except UserError:
        return
    assert isinstance(asked, Asked) and isinstance(terms, Terms)


def test_the_studies_that_come_with_the_project_can_be_read() -> None:
    files = list((ROOT / "experiments").glob("*_ablation.yaml"))
    assert files
    for file in files:
        asked, _, _ = read(file)
        assert asked.steps or asked.network
