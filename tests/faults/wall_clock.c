/* A wall clock that can be moved, for one process: preloaded, it adds the seconds in a file to what the kernel says.
 *
 * The monotonic clock goes on as it is, as on a machine whose clock is set. gRPC's own library is left out: it waits on
 * the kernel's real-time clock, which does move where a machine's clock is set and does not here; its waits would end
 * at once, or hours late. (libfaketime has the same trouble and no remedy.)
 *
 * The file holds one int64 and is named by OTTO_WALL_CLOCK.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift;

__attribute__((constructor)) static void open_shift(void) {
    const char *path = getenv("OTTO_WALL_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *map = mmap(NULL, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) shift = map;
    close(file);
}

static int64_t shift_for(void *caller) {
    Dl_info info;
    if (!shift || !*shift) return 0;
    if (dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "cygrpc")) return 0;
    return *shift;
}

static int (*true_gettime)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!true_gettime) true_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = true_gettime(clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += shift_for(__builtin_return_address(0));
    return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
    int failed = (int)syscall(SYS_gettimeofday, now, zone);
    if (!failed) now->tv_sec += shift_for(__builtin_return_address(0));
    return failed;
}

time_t time(time_t *place) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    now.tv_sec += shift_for(__builtin_return_address(0));
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
