"""A search's page while it runs, served on this machine alone: `python -m nas.dashboard RUN`."""

from typing import TYPE_CHECKING

from nas.common.lazy import exports

if TYPE_CHECKING:
    from nas.dashboard.serving import LivePage, serve

__all__ = ["LivePage", "serve"]
__getattr__, __dir__ = exports(__name__, dict.fromkeys(__all__, "serving"))
