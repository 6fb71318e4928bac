/* The host of a program that wasm2c has translated to `app.c`: as much of WASI preview 1 as the programs of the comparison need, which is
 * arguments, the standard streams, the clock, and numbers that are not random. There are no folders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app.h"

enum { SUCCESS = 0, EBADF_ = 8, ESPIPE_ = 70, ENOTCAPABLE_ = 76 };
struct Z_wasi_snapshot_preview1_instance_t {
    int count;
    char **arguments;
};
typedef struct Z_wasi_snapshot_preview1_instance_t Host;
static Z_app_instance_t app;

#define WASI(name, ...) u32 Z_wasi_snapshot_preview1Z_##name(Host *host, ##__VA_ARGS__)

static u8 *at(u32 address) { return Z_appZ_memory(&app)->data + address; }
static u32 load(u32 address) {
    u32 value;
    return memcpy(&value, at(address), 4), value;
}
static void store(u32 address, u32 value) { memcpy(at(address), &value, 4); }
static void store64(u32 address, u64 value) { memcpy(at(address), &value, 8); }

WASI(args_sizes_get, u32 count, u32 bytes) {
    u32 total = 0;
    for (int i = 0; i < host->count; i++) total += (u32)strlen(host->arguments[i]) + 1;
    return store(count, (u32)host->count), store(bytes, total), SUCCESS;
}
WASI(args_get, u32 pointers, u32 text) {
    for (int i = 0; i < host->count; i++, pointers += 4) {
        u32 length = (u32)strlen(host->arguments[i]) + 1;
        store(pointers, text);
        memcpy(at(text), host->arguments[i], length);
        text += length;
    }
    return SUCCESS;
}
WASI(environ_sizes_get, u32 count, u32 bytes) { return (void)host, store(count, 0), store(bytes, 0), SUCCESS; }
WASI(environ_get, u32 pointers, u32 text) { return (void)host, (void)pointers, (void)text, SUCCESS; }

WASI(clock_time_get, u32 clock, u64 precision, u32 result) {
    struct timespec now;
    (void)host, (void)precision;
    clock_gettime(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
    return store64(result, (u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec), SUCCESS;
}

WASI(random_get, u32 buffer, u32 length) {
    (void)host;
    for (; length > 0; length--) *at(buffer++) = (u8)rand();
    return SUCCESS;
}

/* Reads or writes all the buffers of a list. */
static u32 transfer(u32 fd, u32 list, u32 length, u32 result, int writes) {
    u32 total = 0;
    if (fd > 2) return EBADF_;
    for (; length > 0; length--, list += 8) {
        u8 *buffer = at(load(list));
        size_t size = load(list + 4);
        ssize_t done = writes ? write((int)fd, buffer, size) : read((int)fd, buffer, size);
        if (done < 0) return EBADF_;
        total += (u32)done;
        if ((size_t)done < size) break;
    }
    return store(result, total), SUCCESS;
}
WASI(fd_write, u32 fd, u32 list, u32 length, u32 result) { return (void)host, transfer(fd, list, length, result, 1); }
WASI(fd_read, u32 fd, u32 list, u32 length, u32 result) { return (void)host, transfer(fd, list, length, result, 0); }

WASI(fd_fdstat_get, u32 fd, u32 result) {
    (void)host;
    if (fd > 2) return EBADF_;
    memset(at(result), 0, 24);
    *at(result) = 2; /* a character device */
    store64(result + 8, ~(u64)0);
    return SUCCESS;
}
void Z_wasi_snapshot_preview1Z_proc_exit(Host *host, u32 code) {
    (void)host;
    exit((int)code);
}

#define NONE(error, name, ...) \
    WASI(name, ##__VA_ARGS__) { return (void)host, error; }
#pragma GCC diagnostic ignored "-Wunused-parameter"
NONE(ESPIPE_, fd_seek, u32 fd, u64 offset, u32 whence, u32 result)
NONE(SUCCESS, fd_close, u32 fd)
NONE(SUCCESS, fd_fdstat_set_flags, u32 fd, u32 flags)
NONE(EBADF_, fd_filestat_get, u32 fd, u32 result)
NONE(EBADF_, fd_filestat_set_size, u32 fd, u64 size)
NONE(EBADF_, fd_prestat_get, u32 fd, u32 result)
NONE(EBADF_, fd_prestat_dir_name, u32 fd, u32 path, u32 length)
NONE(EBADF_, fd_readdir, u32 fd, u32 buffer, u32 length, u64 cookie, u32 result)
NONE(EBADF_, fd_renumber, u32 fd, u32 to)
NONE(EBADF_, fd_sync, u32 fd)
NONE(ENOTCAPABLE_, path_create_directory, u32 fd, u32 path, u32 length)
NONE(ENOTCAPABLE_, path_filestat_get, u32 fd, u32 flags, u32 path, u32 length, u32 result)
NONE(ENOTCAPABLE_, path_filestat_set_times, u32 fd, u32 flags, u32 path, u32 length, u64 accessed, u64 modified, u32 which)
NONE(ENOTCAPABLE_, path_open, u32 fd, u32 flags, u32 path, u32 length, u32 how, u64 rights, u64 inheriting, u32 more, u32 result)
NONE(ENOTCAPABLE_, path_readlink, u32 fd, u32 path, u32 length, u32 buffer, u32 size, u32 result)
NONE(ENOTCAPABLE_, path_remove_directory, u32 fd, u32 path, u32 length)
NONE(ENOTCAPABLE_, path_rename, u32 fd, u32 path, u32 length, u32 other, u32 other_path, u32 other_length)
NONE(ENOTCAPABLE_, path_unlink_file, u32 fd, u32 path, u32 length)
NONE(ENOTCAPABLE_, poll_oneoff, u32 events, u32 results, u32 length, u32 result)

int main(int count, char **arguments) {
    Host host = {count, arguments};
    wasm_rt_init();
    Z_app_init_module();
    Z_app_instantiate(&app, &host);
    Z_appZ__start(&app);
    Z_app_free(&app);
    wasm_rt_free();
    return 0;
}
