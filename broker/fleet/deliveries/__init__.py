"""How jobs get to their workers: with the starts that their clients signed, the parts of batches, and the times of schedules."""
