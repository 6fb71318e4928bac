/* Loads whose address depends on comparisons: heap sort of floating-point numbers. */
#include "kernel.h"

enum { LENGTH = 150000 };
static double numbers[LENGTH];

static void sift(double *heap, uint32_t at, uint32_t length) {
    double moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= length) break;
        if (child + 1 < length && heap[child] < heap[child + 1]) child++;
        if (heap[child] <= moved) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 10, sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        for (uint32_t at = 0; at < LENGTH; at++) numbers[at] = (double)(next_random(&random) >> 12) - 1e15;
        for (uint32_t at = LENGTH / 2; at-- > 0;) sift(numbers, at, LENGTH);
        for (uint32_t last = LENGTH - 1; last > 0; last--) {
            double swap = numbers[0];
            numbers[0] = numbers[last], numbers[last] = swap;
            sift(numbers, 0, last);
        }
        for (uint32_t at = 0; at < LENGTH; at += 100) sum = mix_double(sum, numbers[at]);
    }
    return sum;
}

KERNEL_MAIN(14)
