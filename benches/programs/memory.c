/* Bulk operations: copying, moving, filling and comparing stretches of many lengths. */
#include "kernel.h"

enum { BYTES = 1 << 17 };
static uint8_t one[BYTES], other[BYTES];

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 28, sum = 0;
    for (int i = 0; i < BYTES; i++) one[i] = (uint8_t)next_random(&random);
    for (uint32_t i = 0; i < repeats * 1000; i++) {
        uint64_t number = next_random(&random);
        /* Mostly short, now and then long. */
        uint32_t length = (uint32_t)(number >> 32) % (i % 16 ? 200 : BYTES / 2), from = (uint32_t)number % (BYTES / 2);
        uint32_t to = (uint32_t)(number >> 13) % (BYTES / 2);
        switch (i % 4) {
            case 0: memcpy(other + to, one + from, length); break;
            case 1: memmove(one + to, one + from, length); break;
            case 2: memset(other + to, (int)i, length); break;
            case 3: sum = mix(sum, memcmp(one + from, other + to, length) > 0); break;
        }
        one[to] = (uint8_t)i;
    }
    for (int i = 0; i < BYTES; i++) sum = mix(sum, other[i]);
    return sum;
}

KERNEL_MAIN(3000)
