"""The process of a daemon: its threads, its alarms, its garbage collector."""
