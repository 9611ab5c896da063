/* A V4L2 camera without hardware, for tests: LD_PRELOAD under any program that uses the `v4l` crate.
 *
 * build: cc -shared -fPIC -O2 -Wall -o v4lshim.so v4lshim.c -ldl
 * use:   V4LSHIM_DIR=/some/dir LD_PRELOAD=.../v4lshim.so program
 *
 * $V4LSHIM_DIR stands in for /dev: /dev/videoN is $V4LSHIM_DIR/videoN, and /dev/v4l/... is
 * $V4LSHIM_DIR/v4l/.... A node file that exists is a camera that is plugged in; removing it unplugs
 * the camera (ENODEV, POLLERR), writing it plugs one in, at the same or another number. The node's
 * text says what the camera is and does; it is read again at every step. See README.md. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_FDS 16
#define MAX_BUFFERS 8
#define MAX_FRAMES 512
#define BUFFER_BYTES (4 << 20)

/* What a node's text says. */
struct node {
    char card[32], driver[16], formats[64], sizes[128], media[400], fault[32];
    unsigned given_width, given_height, given_stride;
    char given_format[5];
    double fps;
    int open_errno, can_set_fps, is_meta;
};

struct camera {
    int fd; /* a timerfd: readable when a frame is due */
    char path[512];
    unsigned width, height;
    char fourcc[5];
    double fps;
    int is_on, has_buffers, buffers, queued[MAX_BUFFERS], queue[MAX_BUFFERS], queue_length;
    uint32_t sequence;
    int memory_fd;
    uint8_t *memory, *media;
    size_t media_bytes, frame_at[MAX_FRAMES], frame_bytes[MAX_FRAMES], frames;
};

static struct camera cameras[MAX_FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    static typeof(name) *real; \
    if (!real) real = (typeof(name) *)dlsym(RTLD_NEXT, #name)

/* ---- files ------------------------------------------------------------------------------- */

static const char *mapped(const char *path, char *buffer, size_t size) {
    const char *dir = getenv("V4LSHIM_DIR");
    if (!dir || !path) return path;
    if (!strcmp(path, "/dev") || !strcmp(path, "/dev/")) return dir;
    if (strncmp(path, "/dev/video", 10) && strncmp(path, "/dev/v4l", 8)) return path;
    snprintf(buffer, size, "%s%s", dir, path + 4);
    return buffer;
}

static int is_node(const char *real_path) {
    const char *dir = getenv("V4LSHIM_DIR"), *name = strrchr(real_path, '/');
    return dir && name && !strncmp(real_path, dir, strlen(dir)) && !strncmp(name, "/video", 6);
}

static int real_open(const char *path, int flags) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

static void copy(char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = 0;
}

static int read_node(const char *path, struct node *node) {
    char text[4096];
    int fd = real_open(path, O_RDONLY);
    if (fd < 0) return -1;
    ssize_t length = read(fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    text[length > 0 ? length : 0] = 0;
    memset(node, 0, sizeof *node);
    copy(node->card, sizeof node->card, "Booth shim camera");
    copy(node->driver, sizeof node->driver, "shim");
    copy(node->formats, sizeof node->formats, "YUYV");
    copy(node->sizes, sizeof node->sizes, "640x480");
    node->fps = 30;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, '=');
        if (!value) continue;
        *value++ = 0;
        if (!strcmp(line, "card")) copy(node->card, sizeof node->card, value);
        else if (!strcmp(line, "driver")) copy(node->driver, sizeof node->driver, value);
        else if (!strcmp(line, "formats")) copy(node->formats, sizeof node->formats, value);
        else if (!strcmp(line, "sizes")) copy(node->sizes, sizeof node->sizes, value);
        else if (!strcmp(line, "media")) copy(node->media, sizeof node->media, value);
        else if (!strcmp(line, "fault")) copy(node->fault, sizeof node->fault, value);
        else if (!strcmp(line, "fps")) node->fps = atof(value);
        else if (!strcmp(line, "can_set_fps")) node->can_set_fps = atoi(value);
        else if (!strcmp(line, "open_errno")) node->open_errno = atoi(value);
        else if (!strcmp(line, "kind")) node->is_meta = !strcmp(value, "meta");
        else if (!strcmp(line, "given_format")) copy(node->given_format, 5, value);
        else if (!strcmp(line, "given_stride")) node->given_stride = (unsigned)atoi(value);
        else if (!strcmp(line, "given_size")) sscanf(value, "%ux%u", &node->given_width, &node->given_height);
    }
    return 0;
}

/* ---- the camera -------------------------------------------------------------------------- */

static struct camera *find(int fd) {
    for (int i = 0; i < MAX_FDS; i++)
        if (cameras[i].path[0] && cameras[i].fd == fd) return &cameras[i];
    return NULL;
}

static int open_camera(const char *path) {
    struct node node;
    if (read_node(path, &node) < 0) { errno = ENOENT; return -1; }
    if (node.open_errno) { errno = node.open_errno; return -1; }
    for (int i = 0; i < MAX_FDS; i++) {
        struct camera *c = &cameras[i];
        if (c->path[0]) continue;
        memset(c, 0, sizeof *c);
        c->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        c->memory_fd = -1;
        c->width = 640, c->height = 480, c->fps = node.fps;
        copy(c->fourcc, 5, node.formats);
        copy(c->path, sizeof c->path, path);
        return c->fd;
    }
    errno = EMFILE;
    return -1;
}

static unsigned stride(const struct camera *c, const struct node *n) {
    if (n->given_stride) return n->given_stride;
    if (!strcmp(c->fourcc, "YUYV")) return c->width * 2;
    if (!strcmp(c->fourcc, "RGB3")) return c->width * 3;
    return !strcmp(c->fourcc, "YU12") ? c->width : 0;
}

static int is_jpeg(const struct camera *c) { return !strcmp(c->fourcc, "MJPG") || !strcmp(c->fourcc, "JPEG"); }

/* Loads the media and notes where its frames are: raw ones by their size, JPEGs at each SOI that
 * follows an EOI (the tests' clips hold no thumbnails). */
static void load_media(struct camera *c, const struct node *n) {
    int fd = real_open(n->media, O_RDONLY);
    struct stat st;
    free(c->media);
    c->media = NULL, c->frames = 0;
    if (fd < 0) return;
    if (!fstat(fd, &st) && (c->media = malloc((size_t)st.st_size + 1))) {
        ssize_t got;
        c->media_bytes = 0;
        while ((got = read(fd, c->media + c->media_bytes, (size_t)st.st_size - c->media_bytes)) > 0)
            c->media_bytes += (size_t)got;
    }
    syscall(SYS_close, fd);
    if (!c->media) return;
    if (is_jpeg(c)) {
        size_t begin = 0;
        for (size_t i = 2; i <= c->media_bytes && c->frames < MAX_FRAMES; i++) {
            int is_end = i == c->media_bytes || (c->media[i - 2] == 0xff && c->media[i - 1] == 0xd9 && i + 1 < c->media_bytes && c->media[i] == 0xff && c->media[i + 1] == 0xd8);
            if (!is_end) continue;
            c->frame_at[c->frames] = begin, c->frame_bytes[c->frames++] = i - begin;
            begin = i;
        }
    } else {
        size_t size = (size_t)stride(c, n) * c->height;
        if (!strcmp(c->fourcc, "YU12")) size += size / 2;
        for (size_t i = 0; size && i + size <= c->media_bytes && c->frames < MAX_FRAMES; i += size)
            c->frame_at[c->frames] = i, c->frame_bytes[c->frames++] = size;
    }
}

static void set_timer(struct camera *c, double fps) {
    int64_t ns = fps > 0 ? (int64_t)(1e9 / fps) : 0;
    struct itimerspec spec = {{ns / 1000000000, ns % 1000000000}, {ns / 1000000000, ns % 1000000000}};
    timerfd_settime(c->fd, 0, &spec, NULL);
}

static void stop_streaming(struct camera *c) {
    set_timer(c, 0);
    c->is_on = c->queue_length = 0;
    memset(c->queued, 0, sizeof c->queued);
}

static int fail(int error) { errno = error; return -1; }

static int someone_else_streams(const struct camera *c) {
    for (int i = 0; i < MAX_FDS; i++)
        if (&cameras[i] != c && cameras[i].has_buffers && !strcmp(cameras[i].path, c->path)) return 1;
    return 0;
}

static int enum_format(const struct node *n, struct v4l2_fmtdesc *d) {
    if (!strcmp(n->fault, "no_formats")) return fail(ENODATA);
    if (d->type != V4L2_BUF_TYPE_VIDEO_CAPTURE || d->index * 5 >= strlen(n->formats)) return fail(EINVAL);
    memcpy(&d->pixelformat, n->formats + d->index * 5, 4);
    snprintf((char *)d->description, sizeof d->description, "shim %.4s", n->formats + d->index * 5);
    d->flags = 0;
    return 0;
}

static int enum_size(const struct node *n, struct v4l2_frmsizeenum *f) {
    const char *at = n->sizes;
    for (unsigned i = 0; i < f->index && at; i++) at = (at = strchr(at, ',')) ? at + 1 : NULL;
    f->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    if (!at || sscanf(at, "%ux%u", &f->discrete.width, &f->discrete.height) != 2) return fail(EINVAL);
    return 0;
}

static int format(struct camera *c, const struct node *n, unsigned long request, struct v4l2_format *f) {
    if (f->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
    struct v4l2_pix_format *p = &f->fmt.pix;
    if (request == VIDIOC_S_FMT) {
        if (someone_else_streams(c) || c->has_buffers || !strcmp(n->fault, "busy")) return fail(EBUSY);
        char wanted[5] = {0}, size[32];
        memcpy(wanted, &p->pixelformat, 4);
        if (strstr(n->formats, wanted)) copy(c->fourcc, 5, wanted);
        snprintf(size, sizeof size, "%ux%u", p->width, p->height);
        if (strstr(n->sizes, size)) c->width = p->width, c->height = p->height;
        else sscanf(n->sizes, "%ux%u", &c->width, &c->height);
        if (n->given_format[0]) copy(c->fourcc, 5, n->given_format);
        if (n->given_width) c->width = n->given_width, c->height = n->given_height;
    }
    memset(&f->fmt, 0, sizeof f->fmt);
    p->width = c->width, p->height = c->height;
    memcpy(&p->pixelformat, c->fourcc, 4);
    p->field = V4L2_FIELD_NONE, p->colorspace = V4L2_COLORSPACE_SRGB;
    p->bytesperline = stride(c, n), p->sizeimage = BUFFER_BYTES;
    return 0;
}

static int parameters(struct camera *c, const struct node *n, unsigned long request, struct v4l2_streamparm *p) {
    struct v4l2_fract *f = &p->parm.capture.timeperframe;
    if (request == VIDIOC_S_PARM && n->can_set_fps && f->numerator) c->fps = (double)f->denominator / f->numerator;
    f->numerator = 1000, f->denominator = (uint32_t)(c->fps * 1000 + .5);
    p->parm.capture.capability = n->can_set_fps ? V4L2_CAP_TIMEPERFRAME : 0;
    return 0;
}

static int request_buffers(struct camera *c, struct v4l2_requestbuffers *b) {
    if (b->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
    if (someone_else_streams(c)) return fail(EBUSY);
    if (b->count > MAX_BUFFERS) b->count = MAX_BUFFERS;
    stop_streaming(c);
    c->buffers = (int)b->count, c->has_buffers = b->count > 0;
    if (c->has_buffers && c->memory_fd < 0) {
        c->memory_fd = memfd_create("v4lshim", MFD_CLOEXEC);
        if (ftruncate(c->memory_fd, (off_t)MAX_BUFFERS * BUFFER_BYTES)) return fail(ENOMEM);
        c->memory = (uint8_t *)syscall(SYS_mmap, 0, (long)MAX_BUFFERS * BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, c->memory_fd, 0);
    }
    b->capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
    return 0;
}

static int dequeue(struct camera *c, const struct node *n, struct v4l2_buffer *b) {
    uint64_t due = 0;
    if (!c->is_on) return fail(EINVAL);
    if (!c->queue_length || read(c->fd, &due, 8) != 8) return fail(EAGAIN);
    c->sequence += (uint32_t)due;
    int index = c->queue[0];
    memmove(c->queue, c->queue + 1, (size_t)--c->queue_length * sizeof *c->queue);
    c->queued[index] = 0;
    size_t frame = c->frames ? (c->sequence - 1) % c->frames : 0, bytes = c->frames ? c->frame_bytes[frame] : 0;
    if (bytes > BUFFER_BYTES) bytes = BUFFER_BYTES;
    uint8_t *to = c->memory + (size_t)index * BUFFER_BYTES;
    if (bytes) memcpy(to, c->media + c->frame_at[frame], bytes);
    if (!strcmp(n->fault, "short")) bytes /= 2;
    if (!strcmp(n->fault, "empty")) bytes = 0;
    if (!strcmp(n->fault, "garbage")) memset(to, 0xa5, bytes);
    memset(b, 0, sizeof *b);
    b->type = V4L2_BUF_TYPE_VIDEO_CAPTURE, b->memory = V4L2_MEMORY_MMAP, b->index = (uint32_t)index;
    b->bytesused = (uint32_t)bytes, b->length = BUFFER_BYTES, b->sequence = c->sequence - 1;
    b->flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    if (!strcmp(n->fault, "damaged")) b->flags |= V4L2_BUF_FLAG_ERROR;
    b->field = V4L2_FIELD_NONE, b->m.offset = (uint32_t)index * BUFFER_BYTES;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    b->timestamp.tv_sec = t.tv_sec, b->timestamp.tv_usec = t.tv_nsec / 1000;
    return 0;
}

static int control(struct camera *c, unsigned long request, void *argument) {
    struct node n;
    if (read_node(c->path, &n) < 0) {
        if (request == VIDIOC_STREAMOFF) stop_streaming(c);
        return fail(ENODEV);
    }
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *cap = argument;
        memset(cap, 0, sizeof *cap);
        copy((char *)cap->card, sizeof cap->card, n.card);
        copy((char *)cap->driver, sizeof cap->driver, n.driver);
        copy((char *)cap->bus_info, sizeof cap->bus_info, "usb-shim-1.2");
        cap->version = 0x60100;
        cap->device_caps = (n.is_meta ? V4L2_CAP_META_CAPTURE : V4L2_CAP_VIDEO_CAPTURE) | V4L2_CAP_STREAMING | V4L2_CAP_EXT_PIX_FORMAT;
        cap->capabilities = cap->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: return enum_format(&n, argument);
    case VIDIOC_ENUM_FRAMESIZES: return enum_size(&n, argument);
    case VIDIOC_G_FMT: case VIDIOC_S_FMT: return format(c, &n, request, argument);
    case VIDIOC_G_PARM: case VIDIOC_S_PARM: return parameters(c, &n, request, argument);
    case VIDIOC_REQBUFS: return request_buffers(c, argument);
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = argument;
        if (b->index >= (unsigned)c->buffers) return fail(EINVAL);
        b->length = BUFFER_BYTES, b->m.offset = b->index * BUFFER_BYTES, b->flags = 0;
        return 0;
    }
    case VIDIOC_QBUF: { /* as a kernel does: a buffer that is queued already is refused */
        struct v4l2_buffer *b = argument;
        if (b->index >= (unsigned)c->buffers || c->queued[b->index]) return fail(EINVAL);
        c->queued[b->index] = 1, c->queue[c->queue_length++] = (int)b->index;
        return 0;
    }
    case VIDIOC_STREAMON:
        if (!strcmp(n.fault, "no_bandwidth")) return fail(ENOSPC);
        load_media(c, &n);
        set_timer(c, c->fps);
        c->is_on = 1, c->sequence = 0;
        return 0;
    case VIDIOC_STREAMOFF:
        if (!strcmp(n.fault, "refuses_to_stop")) return fail(EIO);
        stop_streaming(c);
        return 0;
    case VIDIOC_DQBUF: return dequeue(c, &n, argument);
    }
    return fail(ENOTTY);
}

static int locked_control(int fd, unsigned long request, void *argument, int *result) {
    pthread_mutex_lock(&lock);
    struct camera *c = find(fd);
    if (c) *result = control(c, request, argument);
    pthread_mutex_unlock(&lock);
    return c != NULL;
}

/* ---- what the program calls -------------------------------------------------------------- */

static int shim_open(const char *path, int *fd) {
    char target[PATH_MAX];
    if (strstr(path, "/v4l/") && realpath(path, target)) path = target;
    if (!is_node(path)) return 0;
    pthread_mutex_lock(&lock);
    *fd = open_camera(path);
    pthread_mutex_unlock(&lock);
    return 1;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        char buffer[512]; \
        int fd; \
        va_list arguments; \
        va_start(arguments, flags); \
        int mode = va_arg(arguments, int); \
        va_end(arguments); \
        path = mapped(path, buffer, sizeof buffer); \
        /* The test itself opens node files to write them; a program opens them read-write. */ \
        if (!(flags & (O_CREAT | O_TRUNC)) && shim_open(path, &fd)) return fd; \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    REAL(close);
    pthread_mutex_lock(&lock);
    struct camera *c = find(fd);
    if (c) {
        if (c->memory) syscall(SYS_munmap, c->memory, (long)MAX_BUFFERS * BUFFER_BYTES);
        if (c->memory_fd >= 0) syscall(SYS_close, c->memory_fd);
        free(c->media);
        memset(c, 0, sizeof *c);
    }
    pthread_mutex_unlock(&lock);
    return real(fd);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0) {
        pthread_mutex_lock(&lock);
        struct camera *c = find(fd);
        if (c) fd = c->memory_fd;
        pthread_mutex_unlock(&lock);
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap64(void *a, size_t l, int p, int f, int d, off64_t o) { return mmap(a, l, p, f, d, o); }

int ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    int result;
    if (locked_control(fd, request, argument, &result)) return result;
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

/* The `v4l` crate reaches ioctl through syscall(). */
long syscall(long number, ...) {
    static long (*real)(long, ...);
    if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    va_list arguments;
    va_start(arguments, number);
    long a[6];
    for (int i = 0; i < 6; i++) a[i] = va_arg(arguments, long);
    va_end(arguments);
    int result;
    if (number == SYS_ioctl && find((int)a[0]) && locked_control((int)a[0], (unsigned long)(uint32_t)a[1], (void *)a[2], &result)) return result;
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A camera that goes while somebody waits for it wakes the waiter; a stuck one does not. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    REAL(poll);
    char path[512];
    pthread_mutex_lock(&lock);
    struct camera *c = count == 1 ? find(fds->fd) : NULL;
    if (c) copy(path, sizeof path, c->path);
    pthread_mutex_unlock(&lock);
    if (!c) return real(fds, count, timeout_ms);
    for (int waited = 0;; waited += 10) {
        struct node n;
        if (read_node(path, &n) < 0) { fds->revents = POLLERR | POLLHUP; return 1; }
        int is_last = timeout_ms >= 0 && waited >= timeout_ms;
        /* A driver that never answers, whatever it was asked: only mending the node helps. */
        if (!strcmp(n.fault, "hangs")) { waited = 0; real(NULL, 0, 10); continue; }
        if (!strcmp(n.fault, "stuck")) {
            if (is_last) { fds->revents = 0; return 0; }
            real(NULL, 0, 10);
            continue;
        }
        int ready = real(fds, 1, is_last ? 0 : 10);
        if (ready || is_last) return ready;
    }
}

DIR *opendir(const char *path) {
    REAL(opendir);
    char buffer[512];
    return real(mapped(path, buffer, sizeof buffer));
}

ssize_t readlink(const char *path, char *to, size_t size) {
    REAL(readlink);
    char buffer[512];
    return real(mapped(path, buffer, sizeof buffer), to, size);
}

int statx(int dir, const char *path, int flags, unsigned mask, struct statx *to) {
    REAL(statx);
    char buffer[512];
    return real(dir, mapped(path, buffer, sizeof buffer), flags, mask, to);
}
