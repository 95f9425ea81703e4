"""YAML as `yaml.safe_load` reads it, but for a key that a mapping has twice: that is an error, not the last one."""

from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)  # as written: merge keys come to their values later
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            name = key.tag, key.value
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} twice", key.start_mark)
            seen.add(name)
        return node


def load(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError, naming the line, for what is no YAML or has a key twice.

    Keys are compared as they are written. Like `safe_load` it raises ValueError for a date that is none, and
    RecursionError for what is nested too deep.
    """
    return yaml.load(text, _Strict)
