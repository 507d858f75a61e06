"""What hypothesis tries is the same each time, so that a change is not blamed for what was wrong before; `make soak` tries other things.

It tries as much as it likes, however busy the machine is.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("same", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")
