// Stands in for what is in front of the booth's devices, inside the guest:
//   feed video /dev/video9 CLIP.mjpeg FPS     writes pictures into v4l2loopback, in a loop
//   feed sound hw:Loopback,1,0 CLIP.wav       plays 16 kHz mono s16 into snd-aloop, in a loop
//   feed push /dev/video0 "Disconnect"        pushes a button of vivid
#include <alsa/asoundlib.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int failed(const char *what) {
    fprintf(stderr, "feed: %s: %s\n", what, strerror(errno));
    return 1;
}

static unsigned char *read_file(const char *path, size_t *length) {
    struct stat info;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &info) < 0) exit(failed(path));
    unsigned char *bytes = malloc(info.st_size);
    for (*length = 0; *length < (size_t)info.st_size;) {
        ssize_t count = read(file, bytes + *length, info.st_size - *length);
        if (count <= 0) exit(failed(path));
        *length += count;
    }
    close(file);
    return bytes;
}

static int video(const char *device, const char *path, double fps) {
    size_t length;
    unsigned char *clip = read_file(path, &length);
    int camera = open(device, O_RDWR);
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_OUTPUT};
    format.fmt.pix.width = 640;
    format.fmt.pix.height = 480;
    format.fmt.pix.pixelformat = V4L2_PIX_FMT_MJPEG;
    format.fmt.pix.field = V4L2_FIELD_NONE;
    format.fmt.pix.sizeimage = 640 * 480 * 2;
    if (camera < 0 || ioctl(camera, VIDIOC_S_FMT, &format) < 0) return failed(device);
    struct timespec next;
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (size_t start = 0;;) {
        // A picture ends with FF D9; inside, FF is followed by 00 or a restart marker.
        size_t end = start + 2;
        while (end < length && !(clip[end - 2] == 0xff && clip[end - 1] == 0xd9)) end++;
        if (write(camera, clip + start, end - start) < 0) return failed("write");
        start = end >= length ? 0 : end;
        next.tv_nsec += (long)(1e9 / fps);
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
}

static int sound(const char *device, const char *path) {
    size_t length;
    unsigned char *clip = read_file(path, &length);
    snd_pcm_t *card;
    int error = snd_pcm_open(&card, device, SND_PCM_STREAM_PLAYBACK, 0);
    if (!error) error = snd_pcm_set_params(card, SND_PCM_FORMAT_S16_LE, SND_PCM_ACCESS_RW_INTERLEAVED, 1, 16000, 0, 500000);
    if (error) {
        fprintf(stderr, "feed: %s: %s\n", device, snd_strerror(error));
        return 1;
    }
    // Behind the head of a plain WAV.
    for (size_t at = 44;;) {
        size_t frames = (length - at) / 2;
        if (frames > 1600) frames = 1600;
        snd_pcm_sframes_t written = snd_pcm_writei(card, clip + at, frames);
        if (written < 0) {
            // An underrun of a slow guest, or a card that goes.
            if (snd_pcm_recover(card, written, 1) < 0) return failed("the card is gone");
            continue;
        }
        at += written * 2;
        if (at + 1 >= length) at = 44;
    }
}

static int push(const char *device, const char *name) {
    int camera = open(device, O_RDWR);
    if (camera < 0) return failed(device);
    struct v4l2_queryctrl control = {.id = V4L2_CTRL_FLAG_NEXT_CTRL};
    while (ioctl(camera, VIDIOC_QUERYCTRL, &control) == 0) {
        if (!strcmp((char *)control.name, name)) {
            struct v4l2_control set = {.id = control.id, .value = 1};
            return ioctl(camera, VIDIOC_S_CTRL, &set) < 0 ? failed(name) : 0;
        }
        control.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
    }
    errno = ENOENT;
    return failed(name);
}

int main(int count, char **words) {
    if (count == 5 && !strcmp(words[1], "video")) return video(words[2], words[3], atof(words[4]));
    if (count == 4 && !strcmp(words[1], "sound")) return sound(words[2], words[3]);
    if (count == 4 && !strcmp(words[1], "push")) return push(words[2], words[3]);
    fprintf(stderr, "usage: feed video DEVICE CLIP FPS | sound DEVICE CLIP | push DEVICE CONTROL\n");
    return 2;
}
