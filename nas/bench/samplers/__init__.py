"""Samplers side by side on tables, where an answer costs nothing."""
