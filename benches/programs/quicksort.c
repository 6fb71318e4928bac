/* Comparisons that cannot be predicted, recursion: quicksort with the middle element as pivot. */
#include "kernel.h"

enum { LENGTH = 200000 };
static int32_t numbers[LENGTH];

static void sort(int32_t *low, int32_t *high) {
    while (low < high) {
        int32_t pivot = low[(high - low) / 2], *left = low, *right = high;
        while (left <= right) {
            while (*left < pivot) left++;
            while (*right > pivot) right--;
            if (left <= right) {
                int32_t swap = *left;
                *left++ = *right, *right-- = swap;
            }
        }
        if (right - low < high - left) {
            sort(low, right);
            low = left;
        } else {
            sort(left, high);
            high = right;
        }
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 8, sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        for (int at = 0; at < LENGTH; at++) numbers[at] = (int32_t)next_random(&random);
        sort(numbers, numbers + LENGTH - 1);
        for (int at = 0; at < LENGTH; at += 100) sum = mix(sum, (uint32_t)numbers[at]);
    }
    return sum;
}

KERNEL_MAIN(20)
