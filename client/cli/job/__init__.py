"""One job of a command: described by its arguments, submitted, and attended until it ends."""
