"""What each choice of a search mattered for: `python -m nas.importance RUN`."""
