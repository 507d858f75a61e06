"""How jobs get to their workers: with the starts that their clients have signed, and the parts of batches and times of schedules."""
