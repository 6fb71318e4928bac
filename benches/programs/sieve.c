/* Byte stores with a stride: the sieve of Eratosthenes. */
#include "kernel.h"

enum { LIMIT = 2000000 };
static uint8_t composite[LIMIT];

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        memset(composite, 0, sizeof composite);
        uint32_t limit = LIMIT - i, count = 0;
        for (uint32_t n = 2; n < limit; n++) {
            if (composite[n]) continue;
            count++;
            for (uint64_t multiple = (uint64_t)n * n; multiple < limit; multiple += n) composite[multiple] = 1;
        }
        sum = mix(sum, count);
    }
    return sum;
}

KERNEL_MAIN(45)
