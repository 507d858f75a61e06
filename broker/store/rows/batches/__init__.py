"""The statements about batches: their runs, those staged in parts, and those that schedules start."""
