"""What hypothesis tries is the same each time, so that a change is not blamed for what was wrong before; `make soak` tries other things.

It takes as long as it needs, however busy the machine is, and half the examples that hypothesis tries by default.
"""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "same", max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")
