"""Measuring a machine for live playing."""
