"""Bytes that pass through a broker: logs, input, and files of jobs; and the logs that it keeps of workers that leave."""
