/* A wall clock that jumps, for one process: what the system says and so many seconds as the file in MVRX_CLOCK has. The monotonic clock, by which time
   passes, is the system's own. cc -shared -fPIC -o clock.so clock.c, then LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

static volatile int64_t *offset;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("MVRX_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = file < 0 ? MAP_FAILED : mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    real = dlsym(RTLD_NEXT, "clock_gettime");
    offset = page == MAP_FAILED ? 0 : page;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int said = real(clock, now);
    if (!said && offset && clock == CLOCK_REALTIME)
        now->tv_sec += *offset;
    return said;
}
