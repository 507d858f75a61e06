"""The engine of this machine, below the desk: intents, the line to the supervisor, facts."""
