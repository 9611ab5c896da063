// A card between the daemon and its files (LD_PRELOAD). See tests/faults.rs, which puts its
// folder in the place of FOLDER.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static void wait_a_while(void) {
    FILE *file = fopen("FOLDER/slow", "r");
    int ms = 0;
    if (!file) return;
    if (fscanf(file, "%d", &ms) != 1) ms = 0;
    fclose(file);
    usleep(ms * 1000);
}

int fsync(int fd) {
    wait_a_while();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    wait_a_while();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}

// SQLite alone writes at an offset.
ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    if (access("FOLDER/readonly", F_OK) == 0) {
        errno = EROFS;
        return -1;
    }
    return ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(
        fd, from, count, at);
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    return pwrite64(fd, from, count, at);
}
