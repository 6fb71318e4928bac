/* A stencil with a dependence from one element to the next: Gauss-Seidel iterations. */
#include "kernel.h"

enum { SIZE = 400 };
static double grid[SIZE][SIZE];

static void relax(void) {
    for (int i = 1; i < SIZE - 1; i++)
        for (int j = 1; j < SIZE - 1; j++)
            grid[i][j] = (grid[i - 1][j - 1] + grid[i - 1][j] + grid[i - 1][j + 1] + grid[i][j - 1] + grid[i][j] +
                          grid[i][j + 1] + grid[i + 1][j - 1] + grid[i + 1][j] + grid[i + 1][j + 1]) / 9.0;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 12, sum = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) grid[i][j] = (double)(next_random(&random) % 1000) / 10.0;
    for (uint32_t i = 0; i < repeats; i++) relax();
    for (int i = 0; i < SIZE; i++) sum = mix_double(sum, grid[i][(i * 13) % SIZE]);
    return sum;
}

KERNEL_MAIN(150)
