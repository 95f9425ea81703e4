"""YAML as `yaml.safe_load` reads it, but within bounds, and each key of a mapping once.

What is written of anchors counts as what it stands for: nine lines of them can stand for more than a memory holds.
"""

from typing import Any

import yaml

from blocks.errors import briefly, shown

MOST_TEXT = 200_000
"""Characters."""
MOST_VALUES = 10_000
"""Keys and values; a study of three hundred steps has some four thousand."""
MOST_DEPTH = 30
MOST_DIGITS = 30
"""Signs of a number."""


class _Strict(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._values = self._depth = 0
        self._sizes: dict[int, int] = {}  # of the nodes that are whole

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Count what is read, as it is read."""
        before, again = self._values, self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"more than {MOST_DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if again and id(node) not in self._sizes:
            raise yaml.composer.ComposerError(None, None, "an anchor within itself", mark)
        self._values += self._sizes[id(node)] if again else 1
        self._sizes.setdefault(id(node), self._values - before)
        if self._values > MOST_VALUES:
            raise yaml.composer.ComposerError(None, None, f"more than {MOST_VALUES} values", mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)  # as written: merge keys come to their values later
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            name = key.tag, key.value
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{shown(key.value)} twice", key.start_mark
                )
            seen.add(name)
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """As ever, of so many signs."""
        _check_digits(node)
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """As ever, of so many signs."""
        _check_digits(node)
        return super().construct_yaml_float(node)


def _check_digits(node: yaml.ScalarNode) -> None:
    if len(str(node.value)) > MOST_DIGITS:
        raise yaml.constructor.ConstructorError(
            None,
            None,
            f"a number of {len(str(node.value))} signs: {briefly(node.value, 40)}",
            node.start_mark,
        )


_Strict.add_constructor("tag:yaml.org,2002:int", _Strict.construct_yaml_int)
_Strict.add_constructor("tag:yaml.org,2002:float", _Strict.construct_yaml_float)


def load(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError alone, naming the line, for what is no YAML or has a key twice.

    And for what is longer, deeper or more than `MOST_TEXT`, `MOST_DEPTH`, `MOST_VALUES` and `MOST_DIGITS` say. Keys are
    compared as they are written.
    """
    if len(text) > MOST_TEXT:
        raise yaml.YAMLError(f"{len(text)} characters, expected at most {MOST_TEXT}")
    try:
        return yaml.load(text, _Strict)
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError) as error:
        raise yaml.YAMLError(
            f"a value that is none: {briefly(error)}"
        ) from None  # such as a date of month 13
