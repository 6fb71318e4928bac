/* Many short inputs: SipHash-2-4 of keys of 8 to 71 bytes. */
#include "kernel.h"

enum { BYTES = 4096 };
static uint8_t data[BYTES + 72];

#define ROUND                                                                                       \
    v0 += v1, v1 = rotate_left64(v1, 13) ^ v0, v0 = rotate_left64(v0, 32);                          \
    v2 += v3, v3 = rotate_left64(v3, 16) ^ v2;                                                      \
    v0 += v3, v3 = rotate_left64(v3, 21) ^ v0;                                                      \
    v2 += v1, v1 = rotate_left64(v1, 17) ^ v2, v2 = rotate_left64(v2, 32)

__attribute__((noinline)) static uint64_t siphash(const uint8_t *bytes, uint32_t length, uint64_t k0, uint64_t k1) {
    uint64_t v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
    uint64_t v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
    uint64_t last = (uint64_t)length << 56, word;
    for (; length >= 8; bytes += 8, length -= 8) {
        memcpy(&word, bytes, 8);
        v3 ^= word;
        ROUND;
        ROUND;
        v0 ^= word;
    }
    for (uint32_t i = 0; i < length; i++) last |= (uint64_t)bytes[i] << 8 * i;
    v3 ^= last;
    ROUND;
    ROUND;
    v0 ^= last, v2 ^= 0xff;
    ROUND;
    ROUND;
    ROUND;
    ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 7, sum = 0;
    for (uint32_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)next_random(&random);
    for (uint32_t i = 0; i < repeats; i++)
        for (uint32_t at = 0; at < BYTES; at++) sum += siphash(data + at, 8 + at % 64, sum, i);
    return sum;
}

KERNEL_MAIN(3000)
