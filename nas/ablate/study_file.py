"""A study of components as a YAML file.

A file says what is ablated and how it is trained, its keys being the command's options for that, and may tell a story
in steps, each network made from an earlier one:

    title: MobileNetV3's story
    equal: macs
    epochs: 1.2
    steps:
      - {name: V2, network: mobilenet_v2}
      - {name: + SE, from: V2, switch: [se on]}
      - {name: + 5x5, from: + SE, switch: [kernel 3 -> 5]}
      - {name: g = 2, from: V2, switch: [groups 1 -> 2], as_is: false}

A component may be `module:function`, which is Python that is imported and run when the study is read: run nobody's
study whose code you would not run.

A switch is a component and the label of its variant, as the tables of an ablation call it. Each step is compared
with what it is made from, as is (unless `as_is` is false) and at equal cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from nas.ablate.asked import Asked, StoryStep, pair
from nas.common.errors import UserError, briefly, shown
from nas.common.sizes import Size, read_size
from nas.console.options import separated
from nas.engine.terms import Terms
from search_spaces import strict_yaml

MOST = 1e12
"""Of any number; nothing that is trained comes near."""
_FRACTIONS = ("epochs", "subset")
_WHOLE = ("folds", "seed", "target_classes", "channels")
_SIZES = ("train_resolution", "target_resolution")
_TEXTS = ("data", "split", "fit", "fidelity", "recipe", "metric", "class_weights", "target")


def read(file: Path) -> tuple[Asked, Terms, int | None]:
    """What a YAML file asks for, how to train, and its number of seeds. Raises UserError naming what is wrong."""
    try:
        return _understood(strict_yaml.load(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--config {file} cannot be read: {error}") from None
    except UserError as error:
        raise UserError(f"--config {file}: {error}") from None
    except yaml.YAMLError as error:
        raise UserError(f"--config {file} is no YAML: {briefly(error)}") from None


def _understood(told: object) -> tuple[Asked, Terms, int | None]:
    keys = ("title", "network", "components", "equal", "per_stage", "pairs", "leave_one_in", "steps", "seeds")
    given = _mapping(told, "the file", (*keys, *(spec.name for spec in fields(Terms))))
    asked = Asked(
        network=_text(given, "network"),
        components=_names(given, "components", None),
        equal=_names(given, "equal", Asked.equal) or (),
        per_stage=_flag(given, "per_stage"),
        pairs=tuple(pair(text) for text in _pairs(given)),
        leave_one_in=_flag(given, "leave_one_in"),
        title=_text(given, "title"),
        steps=_steps(_value(given, "steps", list, "a list of steps", [])),
    )
    for key in ("components", "per_stage", "pairs", "leave_one_in"):
        if given.get(key) and not asked.network:
            raise UserError(f"{key}: expected network as well, whose components these are")
    return asked, _terms(given), _number(given, "seeds", int)


def _steps(listed: Sequence[object]) -> tuple[StoryStep, ...]:
    found: dict[str, StoryStep] = {}
    for number, one in enumerate(listed, start=1):
        where = f"step {number}"
        given = _mapping(one, where, ("name", "network", "from", "switch", "as_is"))
        name, origin, network = (_text(given, key) for key in ("name", "from", "network"))
        if not name or name in found:
            raise UserError(f"{where}: expected a name that no earlier step has")
        if bool(network) == bool(origin) or (origin and not given.get("switch")):
            raise UserError(f"{where} ({briefly(name)}): expected either a network, or from and switch")
        if origin and origin not in found:
            earlier = briefly(", ".join(found))
            raise UserError(
                f"{where} ({briefly(name)}): from {shown(origin)}, expected an earlier step: {earlier}"
            )
        switches = [text.partition(" ")[::2] for text in _texts(given, "switch")]  # component and label
        found[name] = StoryStep(name, network, origin, tuple(switches), _flag(given, "as_is", True))
    if found and not next(iter(found.values())).network:
        raise UserError("the first step has to have a network")
    return tuple(found.values())


def _terms(given: Mapping[str, Any]) -> Terms:
    values = {name: _number(given, name, float) for name in _FRACTIONS}
    values |= {name: _number(given, name, int) for name in _WHOLE}
    values |= {name: _size(given, name) for name in _SIZES}
    values |= {name: _text(given, name) or None for name in _TEXTS}
    return Terms(
        **values,
        skip_corrupt=_flag(given, "skip_corrupt"),
        drop_duplicates=_flag(given, "drop_duplicates"),
    )


def _mapping(told: object, where: str, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise UserError(f"{where}: {shown(told)}, expected keys and values")
    for key in told:
        if key not in known:
            near = get_close_matches(str(key), known, n=1) or known
            raise UserError(f"{where}: unknown key {shown(key)}; expected {', '.join(near)}")
    return told


def _value(given: Mapping[str, Any], key: str, kind: type, expected: str, default: Any) -> Any:
    value = given.get(key, default)
    if not isinstance(value, kind):
        raise UserError(f"{key}: {shown(value)}, expected {expected}")
    return value


def _text(given: Mapping[str, Any], key: str) -> str:
    expected = "a text (in quotes where YAML reads it as something else)"
    return str(_value(given, key, str, expected, "")).strip()


def _flag(given: Mapping[str, Any], key: str, default: bool = False) -> bool:
    return bool(_value(given, key, bool, "true or false", default))


def _texts(given: Mapping[str, Any], key: str) -> list[str]:
    """A list of texts, or one text with commas."""
    value = given.get(key, [])
    value = value.split(",") if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        raise UserError(f"{key}: {shown(value)}, expected texts, as in [one, other]")
    return [part.strip() for part in value]


def _names(given: Mapping[str, Any], key: str, default: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return separated(",".join(_texts(given, key))) if key in given else default


def _pairs(given: Mapping[str, Any]) -> list[str]:
    """Pairs: one text with a comma, or a list of such texts or of lists of two."""
    if isinstance(given.get("pairs"), str):
        return [given["pairs"]]
    listed = _value(given, "pairs", list, "a list, as in [[se, activation]]", [])
    return [one if isinstance(one, str) else ",".join(_texts({"pairs": one}, "pairs")) for one in listed]


def _size(given: Mapping[str, Any], key: str) -> Size | None:
    value = given.get(key)
    return None if value is None else read_size(value, f"{key}:")


def _number(given: Mapping[str, Any], key: str, kind: type[int] | type[float]) -> Any:
    value = given.get(key)
    if value is None:
        return None
    if type(value) not in (int, float) or not abs(value) <= MOST or (kind is int and value % 1):
        raise UserError(f"{key}: {shown(value)}, expected {'a whole number' if kind is int else 'a number'}")
    return kind(value)
