"""A request on its way through: who asks, may they, and what is done about it; the handlers of the verbs."""
