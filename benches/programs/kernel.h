/* What every kernel has: a main that takes how often to repeat the work and prints a checksum, the same on every machine. */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Does the work so many times and returns a checksum of all results. */
static uint64_t kernel(uint32_t repeats);

/* Defines main. Without an argument the work is repeated `usual` times, which takes about half a second in native code. */
#define KERNEL_MAIN(usual)                                                                                            \
    int main(int count, char **arguments) {                                                                           \
        uint64_t sum = kernel(count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : (usual));                        \
        char text[17];                                                                                                \
        for (int digit = 0; digit < 16; digit++) text[digit] = "0123456789abcdef"[sum >> (60 - 4 * digit) & 15];      \
        text[16] = '\n';                                                                                              \
        return write(1, text, sizeof text) == sizeof text ? 0 : 1;                                                    \
    }

/* Random enough for test data, and the same everywhere: splitmix64. */
static inline uint64_t next_random(uint64_t *state) {
    uint64_t mixed = (*state += 0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

/* Takes a value into a checksum. */
static inline uint64_t mix(uint64_t sum, uint64_t value) { return (sum ^ value) * 0x100000001b3 + (sum >> 29); }

/* Takes the bits of a number into a checksum. */
static inline uint64_t mix_double(uint64_t sum, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return mix(sum, bits);
}

static inline uint32_t rotate_left32(uint32_t value, int by) { return value << by | value >> (32 - by); }
static inline uint64_t rotate_left64(uint64_t value, int by) { return value << by | value >> (64 - by); }

#endif
