/*
 * Runs a command and tells what all of its processes cost: bash's own times are too coarse.
 *
 *   cpu FILE SECONDS COMMAND [ARGUMENT...]
 *
 * One line goes to FILE: user and system time, wall time, all in microseconds. A command that lasts
 * longer than SECONDS is killed. Ends as the command did.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

static void on_alarm(int sig)
{
    (void)sig;
    kill(child, SIGKILL);
}

static long long micros(struct timeval time)
{
    return time.tv_sec * 1000000LL + time.tv_usec;
}

static long long wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Starts the command, killed with us and when its time is over. */
static int start(char **command, unsigned seconds)
{
    struct sigaction action = {.sa_handler = on_alarm};

    child = fork();
    if (child == 0) {
        execvp(command[0], command);
        fprintf(stderr, "cpu: %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
    return child < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    long long start_us = wall_us();
    struct rusage usage;
    FILE *file;
    int status;

    if (argc < 4 || start(argv + 3, (unsigned)atoi(argv[2]))) {
        fprintf(stderr, "usage: cpu FILE SECONDS COMMAND [ARGUMENT...]\n");
        return 2;
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 2;
    getrusage(RUSAGE_CHILDREN, &usage);
    file = fopen(argv[1], "w");
    if (!file)
        return 2;
    fprintf(file, "%lld %lld %lld\n", micros(usage.ru_utime), micros(usage.ru_stime),
            wall_us() - start_us);
    fclose(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
