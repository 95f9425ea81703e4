"""Equal cost: a variant's widths are changed until it costs what the base does.

So that what is read is the component and not the capacity. First all widths by one factor, then single stages
by steps of 8 channels, one, two or three of them: a factor alone often misses by 2 to 11 %. Every candidate keeps
the shortcuts, strides and groups of the variant, and a width that it switches itself (the stem's). Prices are looked
up for as few new blocks as possible: each is counted once, which takes longer than all the rest.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import combinations_with_replacement, pairwise, product

from blocks import UserError
from nas.ablate.stages import STEP, Widths, resized, stepped, tied, widths
from nas.ablate.study import Equalised, Price, attempt
from search_spaces.arch import Arch

TOLERANCE = 0.01
RESIZED = "it is a change of width, which equal cost would undo"
_SMALLEST, _LARGEST = 0.25, 4.0  # factors of the widths
_MOVES = 3  # steps of single stages at once
_STEPS = tuple(STEP * n for n in range(1, 13))  # the first that the groups of a stage allow
_POWER = 1.7  # of the factor, which a cost is about: 2 in pointwise layers, 1 in depthwise ones
_TRIES = 40  # combinations of steps that are priced


def equalise(base: Arch, variant: Arch, price: Price, tolerance: float = TOLERANCE) -> Equalised:
    """The variant at the base's price, to within `tolerance`, or the reason why there is none.

    Unchanged where its price is right already. Widths in which the two differ, if few, stay as the variant has them.
    Deterministic. `price` is any function of an arch that is above 0; an arch that it refuses with a UserError is no
    candidate.
    """
    try:
        target = price(base)
        ratio = price(variant) / target
    except UserError as error:
        return Equalised(None, math.nan, f"no price: {error}")
    if abs(ratio - 1) <= tolerance:
        return Equalised(variant, ratio)
    search = _Search(variant, price, target, ratio - 1, _switched(base, variant))
    chain = _chain(search)
    near = _nearest(search, chain)
    best = near if search.off(near) <= tolerance else _stepwise(search, near, tolerance)
    ratio = 1 + search.error(best)
    if abs(ratio - 1) <= tolerance:
        return Equalised(search.arch(best), ratio)
    factor, last = chain[0] if ratio > 1 else chain[-1]
    if near == last:
        reason = f"even at {factor:.2g} times its widths it costs {ratio:.3g} times the base"
    else:
        reason = f"no widths in steps of {STEP} channels come within {tolerance:.3g} of the base's cost"
    return Equalised(None, ratio, f"{reason}; the nearest cost {ratio:.4f} of it")


def _switched(base: Arch, variant: Arch) -> set[int]:
    """The places in `widths` whose width is what the variant changes; none where it changes more than half of them."""
    pairs = list(zip(widths(base), widths(variant), strict=False))
    changed = {place for place, (before, now) in enumerate(pairs) if before != now}
    return changed if 2 * len(changed) <= len(pairs) else set()


class _Search:
    """Prices of one variant at other widths, each asked for once. `held` are the places whose width stays."""

    def __init__(self, variant: Arch, price: Price, target: float, error: float, held: set[int]) -> None:
        self.widths = widths(variant)
        self.groups = tied(variant)
        self._variant, self._price, self._target = variant, price, target
        self._known: dict[Widths, float] = {self.widths: error}
        self.steps = [1] * len(self.widths)
        for group in self.groups:
            fixed = any(place in held for place in group)
            wider = (
                (s, tuple(w + s if i in group else w for i, w in enumerate(self.widths))) for s in _STEPS
            )
            step = 0 if fixed else next((s for s, chosen in wider if self.buildable(chosen)), 0)
            for place in group:
                self.steps[place] = step

    def arch(self, chosen: Widths) -> Arch:
        """The variant at these widths."""
        return resized(self._variant, chosen)

    def buildable(self, chosen: Widths) -> bool:
        """Whether there is such an arch."""
        return isinstance(attempt(self.arch, chosen), Arch)

    def error(self, chosen: Widths) -> float:
        """By which share of the base's price it is off; infinite where it has none."""
        if chosen not in self._known:
            try:
                self._known[chosen] = self._price(self.arch(chosen)) / self._target - 1
            except UserError:
                self._known[chosen] = math.inf
        return self._known[chosen]

    def off(self, chosen: Widths) -> float:
        """How far it is off, either way."""
        return abs(self.error(chosen))

    def moved(self, chosen: Widths, moves: Iterable[tuple[int, int]]) -> Widths:
        """These widths after some moves: whole steps of a group, by its number."""
        steps = [0] * len(chosen)
        for number, count in moves:
            for place in self.groups[number]:
                steps[place] += count * self.steps[place]
        return tuple(w + step for w, step in zip(chosen, steps, strict=True))


def _chain(search: _Search) -> list[tuple[float, Widths]]:
    """Every set of widths that a common factor can make, by rising factor; the variant's own is among them."""
    edges = {_SMALLEST, _LARGEST}
    for width, step in zip(search.widths, search.steps, strict=True):
        if step:
            most = int(width * (_LARGEST - 1) / step)
            edges |= {1 + step * (k + 0.5) / width for k in range(-int(width / step) - 1, most)}
    inside = sorted(edge for edge in edges if _SMALLEST <= edge <= _LARGEST)
    made = {stepped(search.widths, 1.0, search.steps): 1.0}
    for below, above in pairwise(inside):
        made.setdefault(stepped(search.widths, (below + above) / 2, search.steps), (below + above) / 2)
    return sorted((factor, chosen) for chosen, factor in made.items())


def _nearest(search: _Search, chain: list[tuple[float, Widths]]) -> Widths:
    """The widths of the chain whose price is nearest, by interpolation; prices rise along it.

    Takes out of the chain what cannot be built.
    """
    low, high = -1, len(chain)  # the last known to be too cheap, the first known to be too dear
    at, asked = next(i for i, (factor, _) in enumerate(chain) if factor == 1.0), 0
    while high - low > 1:
        if not search.buildable(chain[at][1]):
            del chain[at]
            high -= 1
            at = max(low + 1, min(high - 1, at))
            continue
        error = search.error(chain[at][1])
        low, high = (at, high) if error < 0 else (low, at)
        asked += 1
        # now and then in the middle: it must end
        factor = _guess(search, chain, low, high) if asked % 4 else 0.0
        at = (low + high) // 2 if not factor else bisect_left(chain, (factor,))
        at = max(low + 1, min(high - 1, at))
    return min((chain[i][1] for i in (low, high) if 0 <= i < len(chain)), key=search.off)


def _guess(search: _Search, chain: Sequence[tuple[float, Widths]], low: int, high: int) -> float:
    """The factor at which the price should be right: a power law through what is known."""
    known = [i for i in (low, high) if 0 <= i < len(chain) and math.isfinite(search.error(chain[i][1]))]
    if not known:
        return 0.0
    logs = [(math.log(chain[i][0]), math.log1p(search.error(chain[i][1]))) for i in known]
    (x, y), power = logs[0], _POWER
    if len(logs) == 2 and logs[1][1] > y:
        power = (logs[1][1] - y) / (logs[1][0] - x)
    return math.exp(x - y / power)


def _stepwise(search: _Search, start: Widths, tolerance: float) -> Widths:
    """The nearest price that some steps of single stages reach from `start`; the fewest within the tolerance."""
    begin = search.error(start)
    single = {}
    for move in product(range(len(search.groups)), (-1, 1)):
        chosen = search.moved(start, [move])
        if chosen != start and search.buildable(chosen):
            single[move] = search.error(chosen) - begin
    best = min((search.moved(start, [move]) for move in single), key=search.off, default=start)
    if search.off(best) <= tolerance:
        return best
    guesses = []
    for count in range(2, _MOVES + 1):
        for moves in combinations_with_replacement(sorted(single), count):
            if not any((group, -steps) in moves for group, steps in moves):
                off = abs(begin + sum(single[move] for move in moves))
                guesses.append((off > tolerance / 2, count, off, moves))
    for _, _, _, moves in sorted(guesses)[:_TRIES]:
        chosen = search.moved(start, moves)
        if search.buildable(chosen) and search.off(chosen) < search.off(best):
            best = chosen
            if search.off(best) <= tolerance:
                break
    return min((start, best), key=search.off)
