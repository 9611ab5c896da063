// Writes down, in order, everything that reaches the database's files (LD_PRELOAD): what a power
// cut leaves behind can be worked out from it. See tests/power_cut.rs, which reads it and puts its
// folder in the place of FOLDER.
//
// An entry: what was done (w: written, t: cut to a length, s: on the disk for good, d: deleted),
// the file (0: the database, 1: its log, 2: its rollback journal), offset and length as 8 bytes
// each, the bytes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t in_order = PTHREAD_MUTEX_INITIALIZER;

static int which(const char *path) {
    const char *name = strstr(path, "/boothd.db");
    if (!name) return -1;
    name += strlen("/boothd.db");
    if (!*name) return 0;
    if (!strcmp(name, "-wal")) return 1;
    return strcmp(name, "-journal") ? -1 : 2;
}

static int file_of(int fd) {
    char link[40], path[1024];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return -1;
    path[length] = 0;
    return which(path);
}

static void note(char what, int file, uint64_t at, const void *data, uint64_t length) {
    static int log = -1;
    if (log < 0) log = open("FOLDER/black_box", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char entry[18 + 65536];
    uint64_t bytes = data ? length : 0;
    if (log < 0 || bytes > 65536) _exit(70);
    entry[0] = what;
    entry[1] = (char)file;
    memcpy(entry + 2, &at, 8);
    memcpy(entry + 10, &length, 8);
    if (bytes) memcpy(entry + 18, data, bytes);
    // One write an entry: whoever looks at the length sees whole entries only.
    if (write(log, entry, 18 + bytes) != (ssize_t)(18 + bytes)) _exit(70);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    int file = file_of(fd);
    pthread_mutex_lock(&in_order);
    ssize_t done = ((ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64"))(
        fd, from, count, at);
    if (file >= 0 && done > 0) note('w', file, (uint64_t)at, from, (uint64_t)done);
    pthread_mutex_unlock(&in_order);
    return done;
}

ssize_t pwrite(int fd, const void *from, size_t count, off_t at) {
    return pwrite64(fd, from, count, at);
}

static int synced(const char *how, int fd) {
    int file = file_of(fd);
    pthread_mutex_lock(&in_order);
    int done = ((int (*)(int))dlsym(RTLD_NEXT, how))(fd);
    if (file >= 0 && done == 0) note('s', file, 0, NULL, 0);
    pthread_mutex_unlock(&in_order);
    return done;
}

int fsync(int fd) { return synced("fsync", fd); }

int fdatasync(int fd) { return synced("fdatasync", fd); }

int ftruncate64(int fd, off64_t length) {
    int file = file_of(fd);
    pthread_mutex_lock(&in_order);
    int done = ((int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64"))(fd, length);
    if (file >= 0 && done == 0) note('t', file, 0, NULL, (uint64_t)length);
    pthread_mutex_unlock(&in_order);
    return done;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int unlink(const char *path) {
    int file = which(path);
    pthread_mutex_lock(&in_order);
    int done = ((int (*)(const char *))dlsym(RTLD_NEXT, "unlink"))(path);
    if (file >= 0 && done == 0) note('d', file, 0, NULL, 0);
    pthread_mutex_unlock(&in_order);
    return done;
}
