/* Dynamic programming: the edit distance of two texts. */
#include "kernel.h"

enum { LENGTH = 2000 };
static char one[LENGTH], other[LENGTH];
static uint32_t row[LENGTH + 1];

static uint32_t distance(uint32_t one_length, uint32_t other_length) {
    for (uint32_t j = 0; j <= other_length; j++) row[j] = j;
    for (uint32_t i = 1; i <= one_length; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= other_length; j++) {
            uint32_t replaced = diagonal + (one[i - 1] != other[j - 1]);
            uint32_t inserted = row[j - 1] + 1, removed = row[j] + 1;
            uint32_t least = inserted < removed ? inserted : removed;
            diagonal = row[j];
            row[j] = replaced < least ? replaced : least;
        }
    }
    return row[other_length];
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 22, sum = 0;
    for (int i = 0; i < LENGTH; i++) {
        one[i] = (char)('a' + next_random(&random) % 6);
        other[i] = next_random(&random) % 4 ? one[i] : (char)('a' + next_random(&random) % 6);
    }
    for (uint32_t i = 0; i < repeats; i++) sum = mix(sum, distance(LENGTH - i % 10, LENGTH - i % 7));
    return sum;
}

KERNEL_MAIN(50)
