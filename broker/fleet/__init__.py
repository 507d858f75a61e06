"""The engine of a broker, which runs jobs on workers that have joined it: placement, the links to them, and their reports."""
