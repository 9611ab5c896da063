/* An ALSA microphone without hardware, for tests: an alsa-lib ioplug that plays a raw S16_LE file
 * in real time, byte by byte, again and again.
 *
 * build: cc -shared -fPIC -O2 -Wall -DPIC -o libasound_module_pcm_boothfile.so pcm_booth.c -lasound
 * asound.conf (name it in ALSA_CONFIG_PATH):
 *   pcm_type.boothfile { lib "/path/libasound_module_pcm_boothfile.so" }
 *   pcm.mic { type boothfile file "/path/in.raw" rate 16000 channels 1 control "/path/mic" }
 *
 * The control file that exists is a microphone that is plugged in; removing it unplugs the microphone
 * (EPIPE, then ENODEV), writing it plugs it in. Its text injects faults; see README.md. */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

struct microphone {
    snd_pcm_ioplug_t io;
    char *control;
    int timer, is_stuck, is_suspended, xruns_done, suspends_done;
    unsigned rate, channels;
    int16_t *samples;
    size_t count, position;    /* samples, and the one that begins the stream or is next */
    size_t origin;             /* the sample that was the first since the start */
    snd_pcm_uframes_t began_at; /* where the application was then */
    int64_t began_at_ns;
    uint64_t delivered;        /* frames handed over since the start */
    snd_pcm_sframes_t pointer; /* where the hardware was last */
};

struct control { int is_plugged_in, is_stuck, xruns, suspends; };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct control read_control(const struct microphone *m) {
    struct control c = {1, 0, 0, 0};
    if (!m->control) return c;
    FILE *file = fopen(m->control, "re");
    char line[128];
    if (!file) {
        c.is_plugged_in = 0;
        return c;
    }
    while (fgets(line, sizeof line, file)) {
        if (!strncmp(line, "fault=stuck", 11)) c.is_stuck = 1;
        sscanf(line, "xruns=%d", &c.xruns);
        sscanf(line, "suspends=%d", &c.suspends);
    }
    fclose(file);
    return c;
}

static int set_timer(struct microphone *m, int64_t ns) {
    struct itimerspec spec = {{ns / 1000000000, ns % 1000000000}, {ns / 1000000000, ns % 1000000000}};
    return timerfd_settime(m->timer, 0, &spec, NULL) < 0 ? -errno : 0;
}

static int on_prepare(snd_pcm_ioplug_t *io) {
    struct microphone *m = io->private_data;
    m->is_suspended = 0;
    return read_control(m).is_plugged_in ? 0 : -ENODEV;
}

static int on_start(snd_pcm_ioplug_t *io) {
    struct microphone *m = io->private_data;
    m->began_at_ns = now_ns(), m->delivered = 0, m->pointer = 0;
    m->origin = m->position, m->began_at = io->appl_ptr;
    return set_timer(m, (int64_t)io->period_size * 1000000000LL / m->rate);
}

static int on_stop(snd_pcm_ioplug_t *io) { return set_timer(io->private_data, 0); }

/* As hardware does, an overrun loses what came meanwhile: a tenth of a second. */
static void lose_samples(struct microphone *m) {
    if (m->count) m->position = (m->position + m->rate / 10 * m->channels) % m->count;
}

static snd_pcm_sframes_t on_pointer(snd_pcm_ioplug_t *io) {
    struct microphone *m = io->private_data;
    struct control c = read_control(m);
    if (!c.is_plugged_in) return -ENODEV;
    if (c.is_stuck) m->is_stuck = 1;
    if (m->is_stuck || m->is_suspended) return m->pointer;
    if (c.xruns > m->xruns_done) {
        m->xruns_done = c.xruns;
        lose_samples(m);
        return -EPIPE;
    }
    if (c.suspends > m->suspends_done) {
        m->suspends_done = c.suspends, m->is_suspended = 1;
        lose_samples(m);
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_SUSPENDED);
        return m->pointer;
    }
    uint64_t frames = (uint64_t)((double)(now_ns() - m->began_at_ns) * m->rate / 1e9);
    if (frames > m->delivered + io->buffer_size) {
        lose_samples(m);
        return -EPIPE;
    }
    return m->pointer = io->buffer_size ? (snd_pcm_sframes_t)(frames % io->buffer_size) : 0;
}

/* By way of mmap alsa-lib asks for what is there at each look at it, and again for what nobody has
 * taken: so where it stands says which samples are wanted, not how often it asked. */
static snd_pcm_sframes_t on_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, snd_pcm_uframes_t size) {
    struct microphone *m = io->private_data;
    int16_t *to = (int16_t *)((char *)areas->addr + (areas->first + offset * areas->step) / 8);
    uint64_t taken = io->appl_ptr - m->began_at;
    m->delivered = taken + size;
    if (m->count) m->position = (m->origin + taken * m->channels) % m->count;
    for (size_t i = 0; i < size * m->channels; i++) {
        to[i] = m->count ? m->samples[m->position] : 0;
        if (++m->position >= m->count) m->position = 0;
    }
    return (snd_pcm_sframes_t)size;
}

static int on_poll(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned count, unsigned short *revents) {
    struct microphone *m = io->private_data;
    uint64_t ticks;
    (void)count;
    if (fds[0].revents & POLLIN && read(m->timer, &ticks, sizeof ticks) < 0) ticks = 0;
    snd_pcm_sframes_t available = snd_pcm_avail_update(io->pcm);
    *revents = available < 0 || (snd_pcm_uframes_t)available >= io->period_size || m->is_suspended ? POLLIN : 0;
    /* A stuck device gives no interrupts either. */
    if (m->is_stuck && !*revents) set_timer(m, 0);
    return 0;
}

static int on_close(snd_pcm_ioplug_t *io) {
    struct microphone *m = io->private_data;
    close(m->timer);
    free(m->samples);
    free(m->control);
    free(m);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = on_start, .stop = on_stop, .pointer = on_pointer, .transfer = on_transfer,
    .poll_revents = on_poll, .prepare = on_prepare, .close = on_close,
};

static int load(struct microphone *m, const char *path) {
    FILE *file = fopen(path, "rbe");
    if (!file) return -errno;
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    rewind(file);
    m->samples = malloc((size_t)bytes + 2);
    m->count = m->samples ? fread(m->samples, 2, (size_t)bytes / 2, file) : 0;
    fclose(file);
    return m->samples ? 0 : -ENOMEM;
}

SND_PCM_PLUGIN_DEFINE_FUNC(boothfile) {
    snd_config_iterator_t at, next;
    const char *file = NULL, *control = NULL;
    long rate = 16000, channels = 1;
    (void)root;
    snd_config_for_each(at, next, conf) {
        snd_config_t *node = snd_config_iterator_entry(at);
        const char *id;
        if (snd_config_get_id(node, &id) < 0) continue;
        if (!strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint")) continue;
        if (!strcmp(id, "file")) snd_config_get_string(node, &file);
        else if (!strcmp(id, "control")) snd_config_get_string(node, &control);
        else if (!strcmp(id, "rate")) snd_config_get_integer(node, &rate);
        else if (!strcmp(id, "channels")) snd_config_get_integer(node, &channels);
        else {
            SNDERR("Unknown field %s", id);
            return -EINVAL;
        }
    }
    if (stream != SND_PCM_STREAM_CAPTURE || !file) return -EINVAL;
    struct microphone *m = calloc(1, sizeof *m);
    if (!m) return -ENOMEM;
    m->control = control ? strdup(control) : NULL;
    m->rate = (unsigned)rate, m->channels = (unsigned)channels;
    struct control c = read_control(m);
    int err = c.is_plugged_in ? load(m, file) : -ENODEV;
    if (err < 0) goto failed;
    /* Faults that an earlier life of the device was given are over. */
    m->xruns_done = c.xruns, m->suspends_done = c.suspends;
    m->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    m->io.version = SND_PCM_IOPLUG_VERSION, m->io.name = "booth file microphone (test)";
    m->io.callback = &callbacks, m->io.private_data = m;
    m->io.poll_fd = m->timer, m->io.poll_events = POLLIN, m->io.mmap_rw = 0;
    if ((err = snd_pcm_ioplug_create(&m->io, name, stream, mode)) < 0) goto failed;
    /* Without MMAP_INTERLEAVED `plug` refuses the device. */
    static const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED}, formats[] = {SND_PCM_FORMAT_S16_LE};
    snd_pcm_ioplug_set_param_list(&m->io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
    snd_pcm_ioplug_set_param_list(&m->io, SND_PCM_IOPLUG_HW_FORMAT, 1, formats);
    snd_pcm_ioplug_set_param_minmax(&m->io, SND_PCM_IOPLUG_HW_CHANNELS, m->channels, m->channels);
    snd_pcm_ioplug_set_param_minmax(&m->io, SND_PCM_IOPLUG_HW_RATE, m->rate, m->rate);
    snd_pcm_ioplug_set_param_minmax(&m->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 65536);
    snd_pcm_ioplug_set_param_minmax(&m->io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
    snd_pcm_ioplug_set_param_minmax(&m->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 256, 4 << 20);
    *pcmp = m->io.pcm;
    return 0;
failed:
    free(m->samples);
    free(m->control);
    free(m);
    return err;
}
SND_PCM_PLUGIN_SYMBOL(boothfile);
