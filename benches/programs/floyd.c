/* A triple loop with minima: all shortest paths by Floyd and Warshall. */
#include "kernel.h"

enum { SIZE = 300 };
static int32_t path[SIZE][SIZE];

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 13, sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        for (int from = 0; from < SIZE; from++)
            for (int to = 0; to < SIZE; to++) path[from][to] = (int32_t)(next_random(&random) % 100000 + 1);
        for (int over = 0; over < SIZE; over++)
            for (int from = 0; from < SIZE; from++)
                for (int to = 0; to < SIZE; to++) {
                    int32_t way = path[from][over] + path[over][to];
                    if (way < path[from][to]) path[from][to] = way;
                }
        for (int at = 0; at < SIZE; at++) sum = mix(sum, (uint32_t)path[at][(at * 7) % SIZE]);
    }
    return sum;
}

KERNEL_MAIN(10)
