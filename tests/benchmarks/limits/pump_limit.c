/*
 * How fast output can get from a program into a file through a pipe, if no byte may be lost or doubled whoever is killed: with splice(2),
 * and nothing else to do meanwhile.
 *
 *     pump_limit FILE PIPE_BYTES PROGRAM [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_AT_ONCE = 1 << 20 };

int main(int count, char **words)
{
    if (count < 4)
        errx(2, "usage: pump_limit FILE PIPE_BYTES PROGRAM [ARGUMENT...]");
    int ends[2];
    int file = open(words[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        err(1, "%s", words[1]);
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[1], F_SETPIPE_SZ, atoi(words[2])) < 0)
        err(1, "pipe");
    pid_t child = vfork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(words[3], words + 3);
        _exit(127);
    }
    if (child < 0)
        err(1, "vfork");
    close(ends[1]);
    ssize_t moved;
    while ((moved = splice(ends[0], NULL, file, NULL, MOST_AT_ONCE, 0)) > 0)
        ;
    if (moved < 0)
        err(1, "splice");
    int status;
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        err(1, "waitpid");
    return WEXITSTATUS(status);
}
