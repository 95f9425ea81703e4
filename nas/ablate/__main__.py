"""`python -m nas.ablate NETWORK`."""

from nas.ablate.request import AblationRequest
from nas.console import commands


def main(request: AblationRequest) -> int:
    """Switch one component of a network at a time and say what it earns, as is and at equal cost.

    Every network is trained by one recipe with the same seeds; differences are paired, with intervals and a
    verdict that is corrected for the number of components.
    """
    from nas.ablate import ablate  # takes long to import, which --help need not wait for

    ablation = ablate(**vars(request))
    return commands.ended("ablate", ablation.folder, ablation.ending)


if __name__ == "__main__":
    commands.run(main, AblationRequest)
