"""Exit statuses that say why a command did not run or was ended, as in the shell, timeout(1) and docker-run(1).

Imports nothing: the supervisor uses it.
"""

TIMED_OUT = 124
# jobwire or the machine failed, not the program.
OWN_FAILURE = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
# As in a shell for a program that the kernel ended because its file grew too large: 128 + SIGXFSZ.
OVER_LIMIT = 128 + 25
