"""From a trained network to the network of another arch: `inherit`."""

from nas.networks.inherit.inheriting import inherit
from nas.networks.inherit.report import Inheritance, Share

__all__ = ["Inheritance", "Share", "inherit"]
