"""Options of a primitive and their text form.

A primitive is a frozen dataclass. Its token text is its kind with its first option, then the options that
differ from their defaults, each a short code and a value, joined by underscores: `ir40_k5_t3_s2_se_HS`.
The code stands in the dataclass field, so that a new primitive gets its text form for nothing.
"""

import re
from dataclasses import MISSING, Field, field, fields
from functools import cache
from typing import Any, ClassVar, Protocol

from blocks.errors import UserError, shown

MOST = 1_000_000  # of any number; a mistyped width must not fill the memory


class Options(Protocol):
    """A frozen dataclass whose fields are made by `option`, with the kind it is written with."""

    token: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def option(
    default: Any = MISSING, code: str = "", *, choices: tuple[Any, ...] = (), minimum: float = 1
) -> Any:
    """A field of a primitive: its default, its code in the text form, the values it may take.

    A number is written as code and value (`k5`), a bool as its code where it differs from the default
    (`se`), a string as code and itself (`HS`, `sqSI`). Numbers are bounded from below by `minimum`, or listed
    by `choices`.
    """
    return field(default=default, metadata={"code": code, "choices": choices, "minimum": minimum})


def check(options: Options) -> None:
    """Raise UserError, naming the option, where a value is of the wrong type or out of its bounds."""
    for name, kind, choices, minimum in _bounds(type(options)):
        value = getattr(options, name)
        if kind is bool or kind is str:
            good = isinstance(value, kind) and value in choices
        else:
            number = type(value) is int or (kind is float and type(value) is float)
            good = number and (value in choices if choices else minimum <= value <= MOST)
        if not good:
            expected = (
                f"one of {', '.join(map(str, choices))}" if choices else f"a number {minimum:g}...{MOST:.0f}"
            )
            raise UserError(f"{options.token}: {name} is {shown(value)}, expected {expected}")


@cache
def _bounds(kind: type[Options]) -> tuple[tuple[str, Any, tuple[Any, ...], float], ...]:
    """Of each option its name, type, choices and minimum; looked up once, for a search makes millions of blocks."""
    return tuple(
        (
            spec.name,
            spec.type,
            (False, True) if spec.type is bool else spec.metadata["choices"],
            spec.metadata["minimum"],
        )
        for spec in fields(kind)
    )


def encode(options: Options) -> str:
    """The token text: kind, first option, then what differs from the defaults in the fields' order."""
    first, *rest = fields(options)
    text = options.token
    if (value := getattr(options, first.name)) != first.default:
        text += str(value)
    for spec in rest:
        value, code = getattr(options, spec.name), spec.metadata["code"]
        if value == spec.default:
            continue
        text += "_" + (code if isinstance(value, bool) else f"{code}{_number(value)}")
    return text


def decode(kind: type[Any], text: str, offset: int = 0) -> Any:
    """The primitive that a token text of this kind says; the inverse of `encode`.

    `offset` is the position of `text` in a longer one, for the message of the UserError that is raised at
    an unknown, repeated, misplaced or malformed option.
    """
    first, *rest = fields(kind)
    head, *parts = text.split("_")
    values: dict[str, Any] = {}
    if not head.startswith(kind.token):
        raise UserError(f"at position {offset}: {shown(head)} is no {kind.token}, as in {kind.token}24")
    size = head[len(kind.token) :]
    if size:
        if not _matches(first, size):
            raise UserError(f"at position {offset}: {shown(head)} should end in a whole number")
        values[first.name] = _value(first, size)
    elif first.default is MISSING:
        raise UserError(
            f"at position {offset}: {shown(head)} lacks its number of output channels, as in {kind.token}24"
        )
    position, allowed = offset + len(head) + 1, list(rest)
    for part in parts:
        spec = next((s for s in allowed if _matches(s, part)), None)
        if spec is None:
            raise UserError(_unexpected(kind, part, position, rest, values))
        values[spec.name] = _value(spec, part[len(_code(spec)) :])
        allowed = allowed[allowed.index(spec) + 1 :]
        position += len(part) + 1
    try:
        return kind(**values)
    except UserError as error:
        raise UserError(f"at position {offset}: {shown(text)}: {error}") from None


def _number(value: Any) -> str:
    """A number without a trailing .0 and without an exponent; a string as it is."""
    return f"{value:.12f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _code(spec: Field[Any]) -> str:
    return str(spec.metadata["code"])


@cache
def _pattern(code: str, kind: type, choices: tuple[Any, ...]) -> re.Pattern[str]:
    if kind is bool:
        return re.compile(re.escape(code))
    if kind is str:
        return re.compile(re.escape(code) + "(" + "|".join(map(re.escape, choices)) + ")")
    return re.compile(re.escape(code) + (r"[0-9]{1,18}" if kind is int else r"[0-9]{1,18}(\.[0-9]+)?"))


def _matches(spec: Field[Any], part: str) -> bool:
    assert isinstance(spec.type, type)
    return _pattern(_code(spec), spec.type, spec.metadata["choices"]).fullmatch(part) is not None


def _value(spec: Field[Any], written: str) -> Any:
    """The value of an option from what is written behind its code, which matched its pattern."""
    if spec.type is bool:
        return not spec.default
    assert spec.type is int or spec.type is float or spec.type is str
    return spec.type(written)


def _unexpected(
    kind: type[Any], part: str, position: int, rest: list[Field[Any]], seen: dict[str, Any]
) -> str:
    known = next((s for s in rest if _matches(s, part)), None)
    if known is not None:
        problem = "is repeated" if known.name in seen else "is out of order"
    else:
        problem = "is no option"
    forms = [_form(spec) for spec in rest]
    expected = f"expected, in this order: {' '.join(forms)}"
    return f"at position {position}: {shown(part)} {problem} of {kind.token}; {expected}"


def _form(spec: Field[Any]) -> str:
    """How an option looks in the text: `k<int>`, `se`, `RE|RE6|HS|SI`."""
    if spec.type is bool:
        return _code(spec)
    if spec.type is str:
        return "|".join(_code(spec) + str(choice) for choice in spec.metadata["choices"])
    assert isinstance(spec.type, type)
    return f"{_code(spec)}<{spec.type.__name__}>"
