"""Requests as they arrive: their limits, what a large one holds before it is decoded, and its jobs decoded one by one."""
