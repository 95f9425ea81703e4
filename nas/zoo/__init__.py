"""The hand-designed networks with counted and published figures: `python -m nas.zoo`."""
