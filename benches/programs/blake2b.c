/* 64-bit rotations and additions: the compression of BLAKE2b (RFC 7693). */
#include "kernel.h"

enum { BYTES = 1 << 16 };
static const uint64_t IV[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                               0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint8_t SIGMA[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0}};
static uint8_t data[BYTES];

static uint64_t right(uint64_t value, int by) { return rotate_left64(value, 64 - by); }

static inline void quarter(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x, v[d] = right(v[d] ^ v[a], 32), v[c] += v[d], v[b] = right(v[b] ^ v[c], 24);
    v[a] += v[b] + y, v[d] = right(v[d] ^ v[a], 16), v[c] += v[d], v[b] = right(v[b] ^ v[c], 63);
}

static void compress(uint64_t state[8], const uint8_t *block, uint64_t count) {
    uint64_t m[16], v[16];
    memcpy(m, block, sizeof m);
    memcpy(v, state, 64), memcpy(v + 8, IV, 64);
    v[12] ^= count;
    for (int round = 0; round < 12; round++) {
        const uint8_t *s = SIGMA[round % 10];
        for (int i = 0; i < 4; i++) quarter(v, i, i + 4, i + 8, i + 12, m[s[2 * i]], m[s[2 * i + 1]]);
        for (int i = 0; i < 4; i++)
            quarter(v, i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (int i = 0; i < 8; i++) state[i] ^= v[i] ^ v[i + 8];
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 2, sum = 0, state[8];
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)next_random(&random);
    memcpy(state, IV, sizeof state);
    state[0] ^= 0x01010040;
    for (uint32_t i = 0; i < repeats; i++)
        for (uint64_t at = 0; at < BYTES; at += 128) compress(state, data + at, (uint64_t)i * BYTES + at + 128);
    for (int i = 0; i < 8; i++) sum = mix(sum, state[i]);
    return sum;
}

KERNEL_MAIN(2000)
