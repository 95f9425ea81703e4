"""Measuring here: runs of networks and parts between runs of a reference."""
