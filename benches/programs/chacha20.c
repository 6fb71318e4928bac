/* A stream cipher: ChaCha20 (RFC 8439) over a buffer. */
#include "kernel.h"

enum { BYTES = 1 << 16 };
static uint8_t data[BYTES];

#define QUARTER(a, b, c, d)                                      \
    x[a] += x[b], x[d] = rotate_left32(x[d] ^ x[a], 16);         \
    x[c] += x[d], x[b] = rotate_left32(x[b] ^ x[c], 12);         \
    x[a] += x[b], x[d] = rotate_left32(x[d] ^ x[a], 8);          \
    x[c] += x[d], x[b] = rotate_left32(x[b] ^ x[c], 7)

static void block(const uint32_t input[16], uint8_t *bytes) {
    uint32_t x[16];
    memcpy(x, input, sizeof x);
    for (int round = 0; round < 20; round += 2) {
        QUARTER(0, 4, 8, 12);
        QUARTER(1, 5, 9, 13);
        QUARTER(2, 6, 10, 14);
        QUARTER(3, 7, 11, 15);
        QUARTER(0, 5, 10, 15);
        QUARTER(1, 6, 11, 12);
        QUARTER(2, 7, 8, 13);
        QUARTER(3, 4, 9, 14);
    }
    for (int i = 0; i < 16; i++) {
        uint32_t word;
        memcpy(&word, bytes + 4 * i, 4);
        word ^= x[i] + input[i];
        memcpy(bytes + 4 * i, &word, 4);
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 3, sum = 0;
    uint32_t state[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    for (int i = 4; i < 16; i++) state[i] = (uint32_t)next_random(&random);
    for (uint32_t i = 0; i < repeats; i++)
        for (int at = 0; at < BYTES; at += 64) {
            block(state, data + at);
            state[12]++;
        }
    for (int at = 0; at < BYTES; at++) sum = mix(sum, data[at]);
    return sum;
}

KERNEL_MAIN(2000)
