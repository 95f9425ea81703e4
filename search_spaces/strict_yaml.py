"""YAML as `yaml.safe_load` reads it, but for a key that a mapping has twice: that is an error, not the last one."""

from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError, naming the line, for what is no YAML or has a key twice."""
    return yaml.load(text, _Strict)
