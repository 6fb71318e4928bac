/* A stencil that vectorises: Jacobi iterations on a square grid. */
#include "kernel.h"

enum { SIZE = 500 };
static double grid[2][SIZE][SIZE];

static void relax(double to[SIZE][SIZE], double from[SIZE][SIZE]) {
    for (int i = 1; i < SIZE - 1; i++)
        for (int j = 1; j < SIZE - 1; j++)
            to[i][j] = 0.2 * (from[i][j] + from[i][j - 1] + from[i][j + 1] + from[i - 1][j] + from[i + 1][j]);
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 11, sum = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) grid[0][i][j] = grid[1][i][j] = (double)(next_random(&random) % 1000) / 10.0;
    for (uint32_t i = 0; i < repeats; i++) {
        relax(grid[1], grid[0]);
        relax(grid[0], grid[1]);
    }
    for (int i = 0; i < SIZE; i++) sum = mix_double(sum, grid[0][i][(i * 13) % SIZE]);
    return sum;
}

KERNEL_MAIN(500)
