"""What each component of a network earns, as it is and at equal cost: `python -m nas.ablate NETWORK`.

from nas.ablate import ablate
found = ablate("mobilenet_v3_small", components=["se", "kernel"], data="digits"); found.summary
"""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.ablate.components import COMPONENTS
    from nas.ablate.run import Ablation, ablate

__all__ = ["COMPONENTS", "Ablation", "ablate"]
__getattr__, __dir__ = exports(__name__, {"COMPONENTS": "components", "Ablation": "run", "ablate": "run"})
