/* What Rust's standard library asks of a C library that has no threads, for C libraries too old to answer: there are none. */
#include <errno.h>
#include <stddef.h>

int pthread_attr_init(void *attributes) { (void)attributes; return 0; }
int pthread_attr_setstacksize(void *attributes, size_t bytes) { (void)attributes; (void)bytes; return 0; }
int pthread_attr_destroy(void *attributes) { (void)attributes; return 0; }
int pthread_create(void *thread, const void *attributes, void *(*start)(void *), void *argument) {
    (void)thread; (void)attributes; (void)start; (void)argument;
    return ENOTSUP;
}
int pthread_detach(void *thread) { (void)thread; return ENOTSUP; }
int pthread_join(void *thread, void **result) { (void)thread; (void)result; return ENOTSUP; }
