/* Sums over bytes: Adler-32 with delayed remainders. */
#include "kernel.h"

enum { BYTES = 1 << 16, RUN = 5552, BASE = 65521 };
static uint8_t data[BYTES];

static uint32_t adler32(uint32_t adler, const uint8_t *bytes, uint32_t length) {
    uint32_t low = adler & 0xffff, high = adler >> 16;
    while (length > 0) {
        uint32_t run = length < RUN ? length : RUN;
        length -= run;
        for (; run > 0; run--) low += *bytes++, high += low;
        low %= BASE, high %= BASE;
    }
    return high << 16 | low;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 19;
    uint32_t adler = 1;
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)next_random(&random);
    for (uint32_t i = 0; i < repeats; i++) adler = adler32(adler, data, BYTES - i % 16);
    return mix(0, adler);
}

KERNEL_MAIN(10000)
