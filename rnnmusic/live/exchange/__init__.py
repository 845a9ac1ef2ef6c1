"""The shared memory and the lines between the processes of a performance."""
