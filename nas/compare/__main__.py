"""`python -m nas.compare NETWORK...`."""

from nas.compare.request import ComparisonRequest
from nas.console import commands


def main(request: ComparisonRequest) -> int:
    """Train networks by one recipe with several seeds, read their test accuracy, and set them side by side.

    Published figures stand beside, as published: they were obtained by other recipes.
    """
    from nas.compare import compare  # takes long to import, which --help need not wait for

    comparison = compare(**vars(request))
    return commands.ended("compare", comparison.folder, comparison.ending)


if __name__ == "__main__":
    commands.run(main, ComparisonRequest)
