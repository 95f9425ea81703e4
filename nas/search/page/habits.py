"""What the networks of a front have in common, stage by stage."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from blocks import Block, UserError
from nas.common.sizes import Size, area, shrunk, told
from search_spaces import Arch


@dataclass(frozen=True)
class Habit:
    """An option with one value: in which share of the blocks of each stage it stands; None for a stage without."""

    option: str
    value: str
    shares: tuple[float | None, ...]


def readable(texts: Iterable[str]) -> list[Arch]:
    """The archs of these texts; what another version, or a hand, wrote so that it cannot be read is left out."""
    found = []
    for text in texts:
        with suppress(UserError):
            found.append(Arch.parse(text))
    return found


def stages_of(archs: Sequence[Arch], resolution: Size) -> list[Size]:
    """The sizes of the maps that blocks put out, the largest first, at a resolution."""
    found = {size for arch in archs for *_, size in _placed(arch, resolution)}
    return sorted(found, key=area, reverse=True)


def habits(archs: Sequence[Arch], resolution: Size) -> tuple[list[str], list[Habit], list[str]]:
    """The stages by the size of their maps; the options' shares there; and the widths there, from to.

    Of the blocks that have the option; a network counts once in a stage, however many blocks it has there.
    """
    sizes = stages_of(archs, resolution)
    counted: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * len(sizes))
    having: dict[str, list[int]] = defaultdict(lambda: [0] * len(sizes))
    widths = [set[int]() for _ in sizes]
    for arch in archs:
        inside: dict[tuple[int, str], list[str]] = defaultdict(list)
        for block, channels, narrow, size in _placed(arch, resolution):
            at = sizes.index(size)
            widths[at].add(block.out)
            for option, value in _traits(block, channels, narrow):
                inside[at, option].append(value)
        for (at, option), values in inside.items():
            having[option][at] += 1
            for value in values:
                counted[option, value][at] += 1 / len(values)
    found = [
        Habit(
            option, value, tuple(n / of if of else None for n, of in zip(counts, having[option], strict=True))
        )
        for (option, value), counts in sorted(counted.items(), key=lambda item: _order(item[0]))
    ]
    spans = [f"{min(some)}" + f" to {max(some)}" * (len(some) > 1) if some else "" for some in widths]
    return [told(size) for size in sizes], found, spans


_OPTIONS = ("block", "kernel", "expansion", "squeeze-excite", "activation", "groups")


def _order(named: tuple[str, str]) -> tuple[int, float, str]:
    option, value = named
    number = float(value) if value.replace(".", "", 1).isdigit() else 0.0
    return _OPTIONS.index(option), number, value


def _placed(arch: Arch, resolution: Size) -> Iterator[tuple[Block, int, int, Size]]:
    """Each block with its input channels, the narrow width before it, and the size of its output map."""
    narrow = arch.stem.out
    for block, channels, size in arch.walk(resolution):
        yield block, channels, narrow, shrunk(size, block.stride)
        narrow = block.narrow_width(channels)


def _traits(block: Block, channels: int, narrow: int) -> list[tuple[str, str]]:
    """What is told of a block, option by option; what it does not have is left out."""
    found = [("block", block.token)]
    if kernel := getattr(block, "kernel", 0):
        found.append(("kernel", str(kernel)))
    if hasattr(block, "expansion"):
        found.append(("expansion", f"{round(2 * block.ratio(channels, narrow)) / 2:g}"))
    if hasattr(block, "squeeze_excite"):
        found.append(("squeeze-excite", "yes" if block.squeeze_excite else "no"))
    if activation := getattr(block, "activation", ""):
        found.append(("activation", str(activation)))
    if hasattr(block, "groups"):
        found.append(("groups", str(block.groups)))
    return found
