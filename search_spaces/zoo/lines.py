"""A line of a network's table, by the papers' names of the columns."""

from typing import NamedTuple


class Line(NamedTuple):
    """Blocks that are alike: `n` of them, of `c` output channels, the first with stride `s`, of kernel `k`.

    `t` is the expansion (MobileNeXt: the reduction), `exp` the expanded width where a table gives that instead; `se`
    says whether there is a squeeze-excite, `nl` the non-linearity.
    """

    c: int
    n: int = 1
    s: int = 1
    t: int = 1
    k: int = 3
    exp: int = 0
    se: bool = False
    nl: str = "RE"

    @property
    def strides(self) -> tuple[int, ...]:
        """Of each of its blocks."""
        return (self.s, *[1] * (self.n - 1))
