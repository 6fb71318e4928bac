/* A message authenticator: Poly1305 (RFC 8439) in five limbs of 26 bits. */
#include "kernel.h"

enum { BYTES = 1 << 16, MASK = 0x3ffffff };
static uint8_t data[BYTES];

static uint32_t word(const uint8_t *bytes) {
    uint32_t value;
    memcpy(&value, bytes, 4);
    return value;
}

static void blocks(uint32_t h[5], const uint32_t r[5], const uint8_t *bytes, int length) {
    uint64_t s1 = r[1] * 5, s2 = r[2] * 5, s3 = r[3] * 5, s4 = r[4] * 5;
    uint64_t r0 = r[0], r1 = r[1], r2 = r[2], r3 = r[3], r4 = r[4];
    for (const uint8_t *end = bytes + length; bytes < end; bytes += 16) {
        uint64_t h0 = h[0] + (word(bytes) & MASK);
        uint64_t h1 = h[1] + (word(bytes + 3) >> 2 & MASK);
        uint64_t h2 = h[2] + (word(bytes + 6) >> 4 & MASK);
        uint64_t h3 = h[3] + (word(bytes + 9) >> 6);
        uint64_t h4 = h[4] + (word(bytes + 12) >> 8 | 1 << 24);
        uint64_t d0 = h0 * r0 + h1 * s4 + h2 * s3 + h3 * s2 + h4 * s1;
        uint64_t d1 = h0 * r1 + h1 * r0 + h2 * s4 + h3 * s3 + h4 * s2 + (d0 >> 26);
        uint64_t d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s4 + h4 * s3 + (d1 >> 26);
        uint64_t d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s4 + (d2 >> 26);
        uint64_t d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + (d3 >> 26);
        uint64_t low = (d0 & MASK) + (d4 >> 26) * 5;
        h[0] = (uint32_t)low & MASK, h[1] = (uint32_t)((d1 & MASK) + (low >> 26));
        h[2] = (uint32_t)d2 & MASK, h[3] = (uint32_t)d3 & MASK, h[4] = (uint32_t)d4 & MASK;
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 4, sum = 0;
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)next_random(&random);
    const uint32_t r[5] = {0x3ffffff & 0x2a5c1d3, 0x3ffff03 & 0x1d2f4c7, 0x3ffc0ff & 0x3c1e57b, 0x3f03fff & 0x0b9d3e1, 0x00fffff & 0x00f73b5};
    uint32_t h[5] = {0};
    for (uint32_t i = 0; i < repeats; i++) blocks(h, r, data, BYTES);
    for (int i = 0; i < 5; i++) sum = mix(sum, h[i]);
    return sum;
}

KERNEL_MAIN(5000)
