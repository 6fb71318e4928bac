/* What a C program relies on in WASI, by way of wasi-libc: in `/w`, an empty folder, and in `/r`, one for reading only that holds `file` with
   "content", `dir`, and the symbolic links `link` to `file` and `out` to `../out`. Each check that fails prints its line. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

static int checks, failures;

static void check(int holds, int line, const char *text) {
  checks++;
  if (!holds) {
    failures++;
    printf("line %d: %s (errno %d: %s)\n", line, text, errno, strerror(errno));
  }
}
#define CHECK(condition) (errno = 0, check(!!(condition), __LINE__, #condition))
/* A call fails, and for this reason. */
#define FAILS(call, reason) (errno = 0, check((call) == -1 && errno == (reason), __LINE__, #call ": " #reason))

static int create(const char *path, const char *text) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0666);
  CHECK(fd >= 3 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  return fd;
}

static void access_modes(void) {
  char buffer[16];
  close(create("/w/f", "text"));
  int fd = open("/w/f", O_RDONLY);
  CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
  FAILS(write(fd, "x", 1), EBADF);
  FAILS(pwrite(fd, "x", 1, 0), EBADF);
  FAILS(ftruncate(fd, 0), EINVAL);
  CHECK(posix_fallocate(fd, 0, 10) == EBADF);
  CHECK(read(fd, buffer, 16) == 4 && read(fd, buffer, 16) == 0);
  close(fd);
  fd = open("/w/f", O_WRONLY | O_APPEND);
  CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND));
  FAILS(read(fd, buffer, 1), EBADF);
  CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 5);
  CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && (fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND)) == O_NONBLOCK);
  close(fd);
  FAILS(close(fd), EBADF);
  FAILS(read(fd, buffer, 1), EBADF);
  FAILS(open("/w/f", O_RDONLY | O_DIRECTORY), ENOTDIR);
  FAILS(open("/w/f/", O_RDONLY), ENOTDIR);
  FAILS(open("/w/f/x", O_RDONLY), ENOTDIR);
  FAILS(open("/w/f", O_CREAT | O_EXCL | O_RDWR, 0666), EEXIST);
  FAILS(open("/w/none", O_RDWR), ENOENT);
  FAILS(open("/w", O_RDWR), EISDIR);
  FAILS(open("/elsewhere", O_RDONLY), ENOENT);
  CHECK((fd = open("/w/f", O_RDWR | O_TRUNC)) >= 3 && lseek(fd, 0, SEEK_END) == 0);
  FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
  CHECK(posix_fallocate(fd, 0, 100) == 0 && lseek(fd, 0, SEEK_END) == 100);
  CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0);
  struct iovec parts[2] = {{"ab", 2}, {"cde", 3}};
  CHECK(pwritev(fd, parts, 2, 10) == 5 && pread(fd, buffer, 5, 10) == 5 && !memcmp(buffer, "abcde", 5));
  close(fd);
}

/* Output is put aside, goes to a file, and comes back. */
static void moved_descriptors(void) {
  int file = create("/w/output", ""), aside = open("/r/file", O_RDONLY);
  CHECK(__wasi_fd_renumber(1, aside) == 0 && __wasi_fd_renumber(file, 1) == 0);
  FAILS(write(file, "x", 1), EBADF);
  CHECK(write(1, "text", 4) == 4 && __wasi_fd_renumber(aside, 1) == 0);
  FAILS(close(aside), EBADF);
  struct stat attributes;
  CHECK(stat("/w/output", &attributes) == 0 && attributes.st_size == 4 && unlink("/w/output") == 0);
  CHECK(__wasi_fd_renumber(77, 1) == __WASI_ERRNO_BADF && __wasi_fd_renumber(1, 1) == 0);
}

static void folders(void) {
  char buffer[16];
  CHECK(mkdir("/w/d", 0777) == 0);
  FAILS(mkdir("/w/d", 0777), EEXIST);
  int dir = open("/w/d", O_RDONLY | O_DIRECTORY);
  FAILS(read(dir, buffer, 16), EISDIR);
  FAILS(write(dir, buffer, 16), EBADF);
  int fd = openat(dir, "inside", O_RDWR | O_CREAT, 0666);
  CHECK(fd >= 3 && write(fd, "x", 1) == 1);
  close(fd);
  CHECK(openat(dir, "../f", O_RDONLY) == -1);
  FAILS(rmdir("/w/d"), ENOTEMPTY);
  FAILS(unlink("/w/d"), EISDIR);
  FAILS(rmdir("/w/f"), ENOTDIR);
  CHECK(faccessat(dir, "inside", R_OK | W_OK, 0) == 0);
  CHECK(rename("/w/d/inside", "/w/moved") == 0 && access("/w/d/inside", F_OK) == -1 && errno == ENOENT);
  CHECK(link("/w/moved", "/w/hard") == 0);
  struct stat one, two;
  CHECK(stat("/w/moved", &one) == 0 && stat("/w/hard", &two) == 0 && one.st_ino == two.st_ino && one.st_nlink == 2);
  CHECK(one.st_ino != 0 && S_ISREG(one.st_mode) && one.st_size == 1);
  struct timespec times[2] = {{5, 7}, {9, 11}};
  CHECK(utimensat(AT_FDCWD, "/w/moved", times, 0) == 0 && stat("/w/moved", &one) == 0);
  CHECK(one.st_atim.tv_sec == 5 && one.st_mtim.tv_sec == 9 && one.st_mtim.tv_nsec == 11);
  CHECK(symlink("moved", "/w/soft") == 0 && readlink("/w/soft", buffer, 3) == 3 && !memcmp(buffer, "mov", 3));
  CHECK(lstat("/w/soft", &one) == 0 && S_ISLNK(one.st_mode) && one.st_size == 5);
  CHECK(stat("/w/soft", &one) == 0 && S_ISREG(one.st_mode));
  FAILS(open("/w/soft", O_RDONLY | O_NOFOLLOW), ELOOP);
  FAILS(readlink("/w/moved", buffer, 16), EINVAL);
  CHECK(unlink("/w/soft") == 0 && unlink("/w/hard") == 0 && unlink("/w/moved") == 0);
  close(dir);
  CHECK(rmdir("/w/d") == 0);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

/* More entries than any buffer holds, listed, gone back in, removed while listing. */
static void listings(void) {
  enum { FILES = 700 };
  char path[64];
  CHECK(mkdir("/w/many", 0777) == 0);
  for (int i = 0; i < FILES; i++) {
    snprintf(path, sizeof path, "/w/many/an-entry-with-a-name-of-some-length-%d", i);
    close(create(path, ""));
  }
  struct dirent **list;
  int count = scandir("/w/many", &list, NULL, by_name);
  CHECK(count == FILES + 2);
  struct stat self;
  CHECK(stat("/w/many", &self) == 0);
  for (int i = 0; i < count; i++) {
    int dots = list[i]->d_name[0] == '.';
    if (list[i]->d_ino == 0 || list[i]->d_type != (dots ? DT_DIR : DT_REG)) CHECK(!"every entry has an inode and a type");
    if (!strcmp(list[i]->d_name, ".")) CHECK(list[i]->d_ino == self.st_ino);
    free(list[i]);
  }
  /* At the root of what is granted, `..` is the folder itself. */
  CHECK(scandir("/w", &list, NULL, by_name) >= 3 && !strcmp(list[1]->d_name, "..") && list[1]->d_ino == list[0]->d_ino);

  DIR *dir = opendir("/w/many");
  static long places[FILES + 2];
  static char names[FILES + 2][60];
  struct dirent *entry;
  for (int i = 0; i < FILES + 2; i++) {
    places[i] = telldir(dir);
    entry = readdir(dir);
    if (!entry) { CHECK(!"as many entries as scandir found"); return; }
    strcpy(names[i], entry->d_name);
  }
  CHECK(readdir(dir) == NULL && errno == 0);
  for (int i = FILES + 1; i >= 0; i -= 13) {
    seekdir(dir, places[i]);
    entry = readdir(dir);
    if (!entry || strcmp(entry->d_name, names[i])) CHECK(!"seekdir leads back to where telldir was");
  }
  rewinddir(dir);
  int removed = 0;
  while ((entry = readdir(dir)))
    if (entry->d_name[0] != '.') removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
  CHECK(removed == FILES);
  closedir(dir);
  CHECK(rmdir("/w/many") == 0);
}

static void read_only(void) {
  char buffer[16];
  int fd = open("/r/file", O_RDONLY);
  CHECK(fd >= 3 && read(fd, buffer, 16) == 7);
  FAILS(futimens(fd, NULL), EROFS);
  close(fd);
  FAILS(open("/r/file", O_RDWR), EROFS);
  FAILS(open("/r/file", O_RDONLY | O_TRUNC), EROFS);
  FAILS(open("/r/new", O_WRONLY | O_CREAT, 0666), EROFS);
  FAILS(open("/r/none", O_WRONLY), ENOENT);
  FAILS(open("/r/dir", O_WRONLY), EISDIR);
  CHECK((fd = open("/r/file", O_RDONLY | O_CREAT, 0666)) >= 3);
  close(fd);
  FAILS(mkdir("/r/new", 0777), EROFS);
  FAILS(unlink("/r/file"), EROFS);
  FAILS(rmdir("/r/dir"), EROFS);
  FAILS(rename("/r/file", "/r/other"), EROFS);
  FAILS(rename("/r/file", "/w/other"), EROFS);
  FAILS(link("/r/file", "/w/other"), EROFS);
  FAILS(symlink("x", "/r/other"), EROFS);
  CHECK(readlink("/r/out", buffer, 16) == 6 && open("/r/out", O_RDONLY) == -1);
  CHECK((fd = open("/r/link", O_RDONLY)) >= 3);
  close(fd);
}

static void streams_and_waiting(void) {
  char buffer[16];
  CHECK(!isatty(0) && !isatty(1));
  FAILS(write(0, "x", 1), EBADF);
  FAILS(read(1, buffer, 1), EBADF);
  FAILS(lseek(0, 0, SEEK_CUR), ESPIPE);
  struct stat attributes;
  CHECK(fstat(0, &attributes) == 0 && fstat(1, &attributes) == 0);
  CHECK((fcntl(0, F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(1, F_GETFL) & O_ACCMODE) == O_WRONLY);

  struct pollfd both[2] = {{0, POLLIN, 0}, {1, POLLOUT, 0}};
  CHECK(poll(both, 2, 1000) >= 1 && both[1].revents == POLLOUT);
  struct pollfd closed = {77, POLLIN, 0};
  CHECK(poll(&closed, 1, 0) == 1 && closed.revents == POLLNVAL);
  CHECK(read(0, buffer, 16) == 5 && !memcmp(buffer, "input", 5) && read(0, buffer, 16) == 0);

  struct timespec before, after, pause = {0, 20000000}, resolution;
  CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec >= 1);
  clock_gettime(CLOCK_MONOTONIC, &before);
  CHECK(nanosleep(&pause, NULL) == 0 && poll(NULL, 0, 0) == 0 && poll(NULL, 0, 10) == 0);
  struct timeval none = {0, 0};
  CHECK(select(0, NULL, NULL, NULL, &none) == 0);
  clock_gettime(CLOCK_MONOTONIC, &after);
  long long ns = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
  CHECK(ns >= 30000000 && ns < 20000000000LL);
  CHECK(time(NULL) > 1700000000 && clock_gettime(CLOCK_REALTIME, &before) == 0 && before.tv_nsec < 1000000000);
  unsigned char random[300] = {0};
  CHECK(getentropy(random, 256) == 0 && memcmp(random, random + 128, 128));
  CHECK(random[256] == 0);
}

/* A C library's streams: what they buffer, that they append, and that they end. */
static void stdio(void) {
  FILE *file = fopen("/w/stdio", "w+");
  CHECK(file && fprintf(file, "%d lines\n", 2) == 8 && fputs("second\n", file) >= 0);
  char line[32];
  rewind(file);
  CHECK(fgets(line, 32, file) && !strcmp(line, "2 lines\n") && ftell(file) == 8);
  CHECK(fgets(line, 32, file) && !fgets(line, 32, file) && feof(file) && fclose(file) == 0);
  CHECK((file = fopen("/w/stdio", "a")) && fputs("third", file) >= 0 && fclose(file) == 0);
  struct stat attributes;
  CHECK(stat("/w/stdio", &attributes) == 0 && attributes.st_size == 20);
  CHECK((file = fopen("/w/stdio", "r")) && fputs("x", file) == EOF);
  CHECK(fclose(file) == 0 && remove("/w/stdio") == 0 && remove("/w/f") == 0);
}

int main(int count, char **arguments) {
  CHECK(count == 3 && !strcmp(arguments[1], "two words") && !strcmp(arguments[2], ""));
  CHECK(getenv("NAME") && !strcmp(getenv("NAME"), "a=b") && !getenv("HOME"));
  access_modes();
  moved_descriptors();
  folders();
  listings();
  read_only();
  streams_and_waiting();
  stdio();
  printf("%d of %d checks hold\n", checks - failures, checks);
  return failures != 0;
}
