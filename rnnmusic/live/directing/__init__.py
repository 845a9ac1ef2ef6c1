"""Directing: events in, plans out."""
