"""Performing: sampling ahead, with a way back from every step."""
