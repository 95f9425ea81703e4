"""Values read from JSON: of the right types and nothing else, or one clear error."""

import json
import sys
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, TypeVar

import msgspec

from nas.common.errors import UserError, briefly, shown

T = TypeVar("T")
Finite = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=sys.float_info.max)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=sys.float_info.max)]


def parsed(text: str | bytes) -> Any:
    """What a JSON text says. Raises ValueError alone for what is none, or nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def decoded(text: str, kind: type[T], refusal: str, required: Collection[str] = ()) -> T:
    """The value of a type (frozen dataclasses, tuples, numbers, ...) that a JSON text holds.

    `required`: entries that must be there although their fields have defaults. Raises UserError, `refusal` and what
    is wrong, for no JSON, a wrong type, and an entry missing or unknown.
    """
    try:
        content = parsed(text)
        value = msgspec.convert(content, type=kind)
        _refuse_unknown(content, value)
        if missing := [name for name in required if name not in content]:
            raise ValueError(f"no entry {missing[0]!r}")
    except (ValueError, TypeError, OverflowError) as error:  # msgspec's is a ValueError
        raise UserError(f"{refusal}: {briefly(error)}") from None
    return value


def _refuse_unknown(content: Any, value: Any) -> None:
    """Entries that no field takes: msgspec passes them over, and what another version meant would be lost."""
    if is_dataclass(value) and isinstance(content, dict):
        known = {field.name: getattr(value, field.name) for field in fields(value)}
        for name, inner in content.items():
            if name not in known:
                raise ValueError(f"unknown entry {shown(name)}")
            _refuse_unknown(inner, known[name])
    elif isinstance(value, list | tuple) and isinstance(content, list):
        for inner, one in zip(content, value, strict=True):
            _refuse_unknown(inner, one)
