"""Sending: what is due goes out in time, and what sounds is known."""
