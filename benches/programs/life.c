/* Neighbourhoods of bytes: Conway's game of life on a torus. */
#include "kernel.h"

enum { SIZE = 256 };
static uint8_t cells[2][SIZE][SIZE];

static void generation(uint8_t next[SIZE][SIZE], uint8_t now[SIZE][SIZE]) {
    for (uint32_t row = 0; row < SIZE; row++) {
        const uint8_t *up = now[(row - 1) % SIZE], *here = now[row], *down = now[(row + 1) % SIZE];
        for (uint32_t column = 0; column < SIZE; column++) {
            uint32_t left = (column - 1) % SIZE, right = (column + 1) % SIZE;
            int neighbours = up[left] + up[column] + up[right] + here[left] + here[right] + down[left] + down[column] + down[right];
            next[row][column] = neighbours == 3 || (neighbours == 2 && here[column]);
        }
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 26, sum = 0;
    for (int row = 0; row < SIZE; row++)
        for (int column = 0; column < SIZE; column++) cells[0][row][column] = next_random(&random) % 3 == 0;
    for (uint32_t i = 0; i < repeats; i++) {
        generation(cells[1], cells[0]);
        generation(cells[0], cells[1]);
    }
    for (int row = 0; row < SIZE; row++)
        for (int column = 0; column < SIZE; column++) sum = mix(sum, cells[0][row][column]);
    return sum;
}

KERNEL_MAIN(700)
