"""The table of a device: its parts timed or fitted, calibrated on whole networks, kept as a file."""
