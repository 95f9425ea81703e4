"""The entries of a latency table: which parts a space is made of, and which of them are to be measured.

Where a space has more parts than can be measured in minutes, a designed subset is: parts that few networks
have matter little, and of the others those are taken that the ones already taken say least about.
"""

from collections import Counter

import numpy as np

from blocks import BLOCKS, Head, Stem
from blocks.options import decode
from nas.common.errors import UserError, shown
from nas.common.sizes import read_size
from nas.latency.conditions import Conditions
from nas.latency.table.fitting import scale
from nas.networks.cost import Key, default_table, key_name, part_keys
from nas.networks.counting import Part
from search_spaces import Arch, Space

DRAWN = 5000  # archs at most, to meet the parts of a space: of the default's 3,115 all but one or two
LEAST_DRAWN, DRAWN_EACH = 300, 6  # at least so many, and so many for each part that was met
MOST_MEASURED = 1500  # a space of more parts than this is timed in part, and the rest is fitted
SUBSET = 1000  # so many of them; of the default space, timing more made predictions no better
REACH = 3.0  # distance, in standard deviations of the features, over which one part tells of another


def keys_of(arch: Arch, conditions: Conditions) -> list[Key]:
    """The parts that the arch is built of under these conditions, the stem first, the head last."""
    size = conditions.resolution
    return part_keys(arch.fitted(size), size, conditions.classes, conditions.channels)


def parts_of(space: Space, conditions: Conditions) -> Counter[Key]:
    """The parts of a space, each with how often it was met in archs drawn uniformly."""
    rng = np.random.default_rng(0)
    met: Counter[Key] = Counter()
    drawn = 0
    while drawn < min(DRAWN, max(LEAST_DRAWN, DRAWN_EACH * len(met))):
        met.update(keys_of(space.sample(rng), conditions))
        drawn += 1
    return met


def designed(met: Counter[Key], wanted: int) -> list[Key]:
    """`wanted` of the parts, of which there are more, those first that are worth most to know.

    Greedy, by what would remain unknown: the variance of a Gaussian process given the parts already taken
    (its incomplete Cholesky decomposition), times how often the part occurs, times what it is expected to
    take, for which its multiply-adds and, weighing more, the elements that it moves stand in.
    """
    keys = sorted(met, key=key_name)
    x = scale().fit_transform(keys)
    costs = [default_table().entry(key) for key in keys]
    weight = np.array([cost.macs + 10 * cost.activations + cost.params for cost in costs], dtype=float)
    weight *= [met[key] for key in keys]
    left = np.ones(len(keys))
    known = np.zeros((wanted, len(keys)))
    chosen: list[int] = []
    for number in range(wanted):
        pick = int(np.argmax(left * weight))
        likeness = np.exp(-0.5 * ((x - x[pick]) ** 2).sum(axis=1) / REACH**2)
        column = likeness - known[:number].T @ known[:number, pick]
        known[number] = column / np.sqrt(max(left[pick], 1e-9))
        left = np.maximum(left - known[number] ** 2, 0.0)
        left[chosen := [*chosen, pick]] = 0.0
    return [keys[index] for index in chosen]


def parse_key(name: str) -> Key:
    """The key of `nas.networks.cost.key_name`. Raises UserError for what is none, or of a block unknown here."""
    words = name.split(" ")
    try:
        channels, classes, size = int(words[1]), int(words[3]), read_size(words[2], name, most=10**6)
    except (ValueError, IndexError):
        raise UserError(f"{shown(name)} is no entry of a table, as in 'ir24_t4_s2 16 112 0 '") from None
    token = "".join(letter for letter in words[0].split("_")[0] if letter.isalpha())
    kinds: dict[str, type[Part]] = {Stem.token: Stem, Head.token: Head, **BLOCKS}
    if token not in kinds:
        raise UserError(f"{shown(words[0])}: no block is called {shown(token)} here")
    part: Part = decode(kinds[token], words[0])
    return part, channels, size, classes
