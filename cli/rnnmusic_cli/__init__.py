"""The command-line program of rnnmusic: a thin client of the library that owns all printing."""
