"""A zoo name or an arch's text, wherever an arch is asked for."""

import pytest

from blocks import UserError
from search_spaces import Arch, resolve, zoo


def test_names_and_texts() -> None:
    assert resolve("mobilenet_v3_small") == zoo.get("mobilenet_v3_small")
    assert resolve(" mobilenet_v2_x0.5\n") == zoo.get("mobilenet_v2", width=0.5)
    assert resolve(" stem16-2xir24_t4 ") == Arch.parse("stem16-2xir24_t4")
    for name in zoo.ZOO:
        assert resolve(str(zoo.get(name))) == zoo.get(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mobilenet", "mobilenet_v2"),
        ("mobilenet", "stem16"),  # and shows a text
        ("", "mobilenet_v2"),
        ("stem16", "at least one block"),
        ("stem16-ir24_k4", "position 7"),
        ("mobilenet-v2", "position 0"),
    ],
)
def test_neither_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(text)
    assert said in str(error.value)
