// A kernel whose clock nobody has set (LD_PRELOAD), until there is a file `set`. See
// tests/board.rs, which puts its folder in the place of FOLDER.
#include <sys/timex.h>
#include <unistd.h>

int adjtimex(struct timex *state) {
    (void)state;
    return access("FOLDER/set", F_OK) == 0 ? TIME_OK : TIME_ERROR;
}
