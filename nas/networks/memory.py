"""How much memory the tensors of a network take while one image passes: the most of them that must be kept at once.

Counted at int8, a byte an element, as a microcontroller's interpreter keeps them: the input and the output of the
operator at work and whatever a later one still needs, such as a shortcut. The image is one of them, weights are not,
nor what is computed of weights alone. A function of one tensor element by element (a normalisation, an activation) is
part of the operator that makes the tensor, where that is needed for nothing else; an interpreter that runs one by
itself, as TensorFlow Lite Micro does a hard swish, has room for two. Nothing else works in place: a depthwise
convolution, a sum or a squeeze-excite's product has room for its input and its output. Where branches leave a choice,
the operators run in the order that needs least. `in_place` counts as TinyEngine (MCUNet, arXiv:2007.10319) does: a
depthwise convolution writes over its input.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from torch import Tensor

_STATES = (
    3000  # looked at for the best order of branches; beyond them the order in which the module ran is taken
)


@dataclass(frozen=True)
class Step:
    """An operator at work: the numbers of the tensors that it takes and gives.

    number: of the operator as recorded. own: whether it is a function of one tensor that is merged with it where it can
    be. depthwise: whether it may write over its input.
    """

    number: int
    taken: tuple[int, ...]
    given: tuple[int, ...]
    own: bool = False
    depthwise: bool = False


class Traffic:
    """The tensors that an image becomes, and the operators between them, in the order in which they ran."""

    def __init__(self, image: Tensor) -> None:
        self._sizes = [image.numel()]
        self._roots = [0]  # the tensor that one is a function of, element by element; itself as a rule
        self._numbers = {_key(image): 0}  # of the tensor that a storage holds now; a constant has none
        self._steps: list[Step] = []
        self._kept: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self._steps)

    def record(self, func: Any, taken: Any, out: Any, *, pointwise: bool, depthwise: bool = False) -> None:
        """An operator of torch's, with its arguments and what it put out."""
        keys = [_key(tensor) for tensor in _tensors(taken)]
        numbers = tuple(dict.fromkeys(self._numbers[key] for key in keys if key in self._numbers))
        given = []
        for tensor in _tensors(out):
            key = _key(tensor)
            if key in keys and not func._schema.is_mutable:
                continue  # another view of what is there
            if key in self._numbers and key in keys:  # written to, be it in a part
                given.append((key, self._sizes[self._numbers[key]]))
            elif numbers and tensor.numel():
                given.append((key, tensor.numel()))
            else:
                self._numbers.pop(key, None)  # a constant, maybe where a tensor was that is gone
        if not given:
            return
        roots = {self._roots[number] for number in numbers}
        own = pointwise and len(roots) == len(given) == 1 and given[0][1] == self._sizes[min(roots)]
        outs = tuple(self._made(key, size, min(roots) if own else None) for key, size in given)
        self._steps.append(Step(len(self._steps), tuple(roots) if own else numbers, outs, own, depthwise))

    def _made(self, key: int, size: int, root: int | None) -> int:
        number = len(self._sizes)
        self._sizes.append(size)
        self._roots.append(number if root is None else root)
        self._numbers[key] = number
        return number

    def finish(self, out: Any) -> None:
        """What the module gave: kept to the end."""
        keys = (_key(tensor) for tensor in _tensors(out))
        self._kept = frozenset(self._numbers[key] for key in keys if key in self._numbers)

    def peak(self, *, in_place: bool = False) -> int:
        """Bytes at int8, at the operator that needs most."""
        return max(self.live(in_place=in_place).values(), default=self._sizes[0])

    def live(self, *, in_place: bool = False) -> dict[int, int]:
        """Bytes at int8 while each operator works, by its number as recorded."""
        plan = _Plan(*self._merged(), self._sizes, in_place)
        return {step.number: size for step, size in zip(plan.steps, plan.needs(), strict=True)}

    def _merged(self) -> tuple[list[Step], frozenset[int]]:
        """The steps without the functions that need no tensor of their own, and what is kept to the end.

        They need none where of a tensor and its functions only one is used. Nor do results that nobody uses.
        """
        used = {number for step in self._steps if not step.own for number in step.taken} | self._kept
        uses = Tally(self._roots[number] for number in used)
        place = [root if uses[root] <= 1 else number for number, root in enumerate(self._roots)]
        places, steps = {place[number] for number in used}, []
        for step in self._steps:
            taken = tuple(dict.fromkeys(place[number] for number in step.taken))
            given = tuple(place[n] for n in step.given if place[n] in places)  # not a pooling's indices
            if given and given != taken:
                steps.append(Step(step.number, taken, given, step.own, step.depthwise))
        return steps, frozenset(place[number] for number in self._kept)


class _Plan:
    """Steps put into the best order, and what each needs.

    The steps fall into stretches between which one tensor alone is kept: each is put into order by itself.
    """

    def __init__(
        self, steps: Sequence[Step], kept: frozenset[int], sizes: Sequence[int], in_place: bool
    ) -> None:
        self._kept, self._sizes, self._in_place = kept, sizes, in_place
        self.steps: list[Step] = []
        for begin, end, alive in self._stretches(steps):
            stretch = steps[begin:end]
            later = kept.union(*(step.taken for step in steps[end:]))
            self.steps += self._ordered(stretch, alive, later)

    def needs(self) -> list[int]:
        """Bytes at each step."""
        return [size for size, _ in self._run(self.steps, frozenset({0}), self._kept)]

    def _stretches(self, steps: Sequence[Step]) -> Iterator[tuple[int, int, frozenset[int]]]:
        """First and last step of each, and what is kept as it begins."""
        begin, alive = 0, frozenset({0})
        for end, (_, left) in enumerate(self._run(steps, alive, self._kept), 1):
            if len(left) == 1 or end == len(steps):
                yield begin, end, alive
                begin, alive = end, left

    def _run(
        self, steps: Sequence[Step], alive: frozenset[int], later: frozenset[int]
    ) -> Iterator[tuple[int, frozenset[int]]]:
        """Bytes at each step and what is kept behind it; `later` is what is needed behind the last."""
        left = Tally(number for step in steps for number in step.taken)
        for step in steps:
            left.subtract(step.taken)
            behind = {number for number in alive.union(step.given) if left[number] > 0 or number in later}
            yield self._need(step, alive, behind), frozenset(behind)
            alive = frozenset(behind)

    def _need(self, step: Step, alive: frozenset[int], behind: Iterable[int]) -> int:
        sizes = self._sizes
        need = sum(sizes[number] for number in alive.union(step.given))
        if self._in_place and step.depthwise and not set(step.taken) & set(behind):
            need -= min(sizes[step.taken[0]], sizes[step.given[0]])
        return need

    def _ordered(self, steps: Sequence[Step], alive: frozenset[int], later: frozenset[int]) -> Sequence[Step]:
        """The steps in the order whose largest need is least: a best-first search over what has run."""
        worst = max(need for need, _ in self._run(steps, alive, later))
        least = max(sum(self._sizes[n] for n in {*step.taken, *step.given}) for step in steps)
        if len(steps) < 2 or (worst == least and not self._in_place):
            return steps
        makers = {number: at for at, step in enumerate(steps) for number in step.given}
        before = [sum(1 << makers[n] for n in step.taken if n in makers) for step in steps]
        takers: dict[int, int] = {}
        for at, step in enumerate(steps):
            for number in step.taken:
                takers[number] = takers.get(number, 0) | 1 << at
        waiting: list[tuple[int, int, int, tuple[int, ...], frozenset[int]]] = [(0, 0, 0, (), alive)]
        met: set[int] = set()
        while waiting and len(met) < _STATES:
            need, _, done, order, kept = heappop(waiting)
            if done in met:
                continue
            met.add(done)
            if len(order) == len(steps):
                return [steps[at] for at in order]
            for at, step in enumerate(steps):
                state = done | 1 << at
                if state != done and not before[at] & ~done and state not in met:
                    behind = frozenset(
                        n for n in kept.union(step.given) if takers.get(n, 0) & ~state or n in later
                    )
                    most = max(need, self._need(step, kept, behind))
                    heappush(waiting, (most, -len(order), state, (*order, at), behind))
        return steps


def _tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, (tuple, list)):
        for one in found:
            yield from _tensors(one)
    elif isinstance(found, dict):
        yield from _tensors(list(found.values()))


def _key(tensor: Tensor) -> int:
    """Of the storage: views share it."""
    return int(tensor.untyped_storage()._cdata)
