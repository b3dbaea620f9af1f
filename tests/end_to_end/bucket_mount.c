/* Makes what lies below $KERASLINE_BUCKET_MOUNT behave as a bucket that Cloud Storage FUSE mounts, for one process and
 * its children (LD_PRELOAD), so that Python and C++ code alike meet it.
 *
 * Source: GoogleCloudPlatform/gcsfuse docs/semantics.md ("Missing features", "Concurrency") and internal/fs/fs.go:
 * - A folder that holds anything cannot be renamed: "too many objects to be renamed", EMFILE, with the default
 *   rename-dir-limit of 0; a file can.
 * - CreateLink: there are no hard links.
 * - There is no lock that other machines see. The kernel grants flock and fcntl locks for this mount alone; they are
 *   refused here, which is harder, so that nothing counts on them.
 * - Another machine's append is lost or meets ESTALE, since each flush makes the object anew: refused here, too.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

static int below(const char *path) {
    const char *mount = getenv("KERASLINE_BUCKET_MOUNT");
    size_t length = mount ? strlen(mount) : 0;
    return length && path && !strncmp(path, mount, length) && (path[length] == '/' || !path[length]);
}

static int descriptor_below(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int is_full_folder(const char *path) {
    DIR *folder = opendir(path);
    int entries = 0;
    if (!folder) return 0;
    while (readdir(folder)) entries++;
    closedir(folder);
    return entries > 2;
}

static int refuse(int code) { errno = code; return -1; }

int rename(const char *from, const char *to) {
    REAL(int, "rename", const char *, const char *);
    return (below(from) || below(to)) && is_full_folder(from) ? refuse(EMFILE) : real(from, to);
}

int renameat(int a, const char *from, int b, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *);
    return (below(from) || below(to)) && is_full_folder(from) ? refuse(EMFILE) : real(a, from, b, to);
}

int renameat2(int a, const char *from, int b, const char *to, unsigned int flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned int);
    return (below(from) || below(to)) && is_full_folder(from) ? refuse(EMFILE) : real(a, from, b, to, flags);
}

int link(const char *from, const char *to) {
    REAL(int, "link", const char *, const char *);
    return below(from) || below(to) ? refuse(ENOTSUP) : real(from, to);
}

int linkat(int a, const char *from, int b, const char *to, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    return below(from) || below(to) ? refuse(ENOTSUP) : real(a, from, b, to, flags);
}

int flock(int descriptor, int operation) {
    REAL(int, "flock", int, int);
    return descriptor_below(descriptor) ? refuse(ENOSYS) : real(descriptor, operation);
}

static int control(const char *name, int descriptor, int command, void *argument) {
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    int locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    return locks && descriptor_below(descriptor) ? refuse(ENOSYS) : real(descriptor, command, argument);
}

int fcntl(int descriptor, int command, ...) {
    va_list rest; va_start(rest, command); void *argument = va_arg(rest, void *); va_end(rest);
    return control("fcntl", descriptor, command, argument);
}

int fcntl64(int descriptor, int command, ...) {
    va_list rest; va_start(rest, command); void *argument = va_arg(rest, void *); va_end(rest);
    return control("fcntl64", descriptor, command, argument);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, #name, const char *, int, ...); \
        return below(path) && flags & O_APPEND ? refuse(ENOTSUP) : real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(FILE *, #name, const char *, const char *); \
        if (below(path) && strchr(mode, 'a')) { errno = ENOTSUP; return NULL; } \
        return real(path, mode); \
    }
FOPEN(fopen)
FOPEN(fopen64)
