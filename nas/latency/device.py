"""The name of the processor, as it stands in a fingerprint."""

import re
from contextlib import suppress
from pathlib import Path

from nas.kernels import choices


def processor() -> str:
    """The model's name; where that tells none from another ("AMD EPYC"), with its family and number."""
    name = choices.processor()
    if any(character.isdigit() for character in name):
        return name
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
        found = [
            re.search(rf"^{field}\s*:\s*(\d+)$", text, re.MULTILINE) for field in ("cpu family", "model")
        ]
        if all(found):
            family, model = (match[1] for match in found if match)
            return f"{name} (family {family}, model {model})"
    return name
