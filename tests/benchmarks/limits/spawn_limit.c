/*
 * What this machine can do at most: start a program with its two logs in a folder of its own, and see it end. Nothing else.
 *
 *     spawn_limit COUNT IN_FLIGHT FOLDER PROGRAM
 *
 * For each of COUNT jobs: mkdir, two files, vfork, setsid, execve; at most IN_FLIGHT of them live at once. Prints jobs per second.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int open_log(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        err(1, "%s", path);
    return file;
}

static void launch(const char *root, long number, char *program)
{
    char folder[3072];
    char *arguments[] = {program, NULL};
    snprintf(folder, sizeof folder, "%s/%ld", root, number);
    if (mkdir(folder, 0700) != 0)
        err(1, "%s", folder);
    int out = open_log(folder, "stdout");
    int error = open_log(folder, "stderr");
    pid_t child = vfork();
    if (child == 0) {
        setsid();
        dup2(out, STDOUT_FILENO);
        dup2(error, STDERR_FILENO);
        execve(program, arguments, environ);
        _exit(127);
    }
    if (child < 0)
        err(1, "vfork");
    close(out);
    close(error);
}

static void reap(void)
{
    int status;
    if (waitpid(-1, &status, 0) < 0)
        err(1, "waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        errx(1, "a job failed");
}

int main(int count, char **words)
{
    if (count != 5)
        errx(2, "usage: spawn_limit COUNT IN_FLIGHT FOLDER PROGRAM");
    long jobs = atol(words[1]);
    long in_flight = atol(words[2]);
    long alive = 0;
    double begun = seconds();
    for (long number = 0; number < jobs; number++) {
        if (alive == in_flight) {
            reap();
            alive--;
        }
        launch(words[3], number, words[4]);
        alive++;
    }
    while (alive-- > 0)
        reap();
    printf("%.1f\n", (double)jobs / (seconds() - begun));
    return 0;
}
