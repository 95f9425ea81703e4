"""What was inherited, in figures and words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Of one layer of the child: the parent's layer, if any, and the share of its weights that are the parent's.

    numbers: its weights. statistics: of the norm behind it: kept (the parent's), corrected (on the images), some (the
    parent's kept and those of new channels measured), made (as the network was built), or none.
    """

    layer: str
    parent: str | None
    share: float
    numbers: int
    statistics: str


@dataclass(frozen=True)
class Inheritance:
    """What a child got, layer by layer, and what is to be said of whole blocks."""

    layers: tuple[Share, ...]
    notes: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of all weights of convolutions and fully connected layers."""
        return sum(one.share * one.numbers for one in self.layers) / sum(one.numbers for one in self.layers)

    def __str__(self) -> str:
        """One line, and one for each block that came, went or could not inherit."""
        norms = [one.statistics for one in self.layers if one.statistics != "none"]
        corrected = sum(one in ("corrected", "some") for one in norms)
        said = [f"the statistics of {corrected} of {len(norms)} norms corrected"] if corrected else []
        bare = [one.layer for one in self.layers if not one.share]
        if bare:
            said.append(f"{len(bare)} of {len(self.layers)} layers drawn anew")
        total = sum(one.numbers for one in self.layers)
        first = "; ".join([f"{100 * self.share:.1f} % of {total:,} weights inherited", *said])
        return "\n".join([first, *self.notes])
