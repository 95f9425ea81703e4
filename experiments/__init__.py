"""Reproducible studies: one small YAML or module each, run by one command."""
