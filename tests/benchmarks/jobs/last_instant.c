/*
 * A job whose last act is to say when that was: CLOCK_MONOTONIC in nanoseconds, which all processes of a machine share.
 *
 *     last_instant [MILLISECONDS]
 *
 * It first sleeps so long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words)
{
    char text[32];
    struct timespec now;
    if (count > 1)
        usleep((useconds_t)atoi(words[1]) * 1000);
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(text, sizeof text, "%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    _exit(write(STDOUT_FILENO, text, (size_t)length) != length);
}
