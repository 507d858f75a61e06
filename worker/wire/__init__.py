"""What worker, supervisor and keeper say to each other: the words, and how they travel. Knows no job, and loads next to nothing."""
