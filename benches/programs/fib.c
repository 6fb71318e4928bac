/* Calls: the naive recursion for Fibonacci numbers. */
#include "kernel.h"

__attribute__((noinline)) static uint32_t fib(uint32_t n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < repeats; i++) sum = mix(sum, fib(30 + i % 4));
    return sum;
}

KERNEL_MAIN(32)
