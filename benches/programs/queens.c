/* Recursion with bit sets: all ways to put queens on a board. */
#include "kernel.h"

__attribute__((noinline)) static uint32_t place(uint32_t all, uint32_t columns, uint32_t left, uint32_t right) {
    if (columns == all) return 1;
    uint32_t ways = 0;
    for (uint32_t free = all & ~(columns | left | right); free != 0;) {
        uint32_t queen = free & -free;
        free ^= queen;
        ways += place(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return ways;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < repeats; i++) sum = mix(sum, place((1u << (10 + i % 3)) - 1, 0, 0, 0));
    return sum;
}

KERNEL_MAIN(90)
