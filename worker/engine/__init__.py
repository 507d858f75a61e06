"""The engine of this machine, beneath the desk: intents, the line to the supervisor, facts."""
