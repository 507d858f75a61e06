"""What a client does with jobs: submit them, alone or in parts, run one to its end, stop, suspend and forget them."""
