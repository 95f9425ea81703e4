"""What confirming a front is worth, simulated on tables whose truth is known."""
