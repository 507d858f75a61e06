"""The statements about batches: their runs, those that are staged in parts, and those that schedules start."""
