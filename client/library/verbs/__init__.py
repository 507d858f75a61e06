"""What a client does with jobs: it submits them, alone or in parts, runs one to its end, stops, suspends and forgets them."""
