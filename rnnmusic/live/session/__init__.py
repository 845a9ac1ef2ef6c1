"""Recordings of performances: a folder that a crash can't spoil, read, replayed and made audible.

settings.json is written by whoever starts the performance; events.jsonl and models.jsonl by the
sampler;
sent.jsonl, heard.jsonl and clock.jsonl by the sender; notices-*.jsonl by anyone. Each file has one
writer, which appends whole lines, so that no process waits for another and whatever is killed
leaves every line but the last readable.
"""
