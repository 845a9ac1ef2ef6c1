"""Playing live: a generator drives MIDI ports in time, listens, and leaves no note behind.

Import from the modules: what the process that sends is made of must not wait for torch.
"""
