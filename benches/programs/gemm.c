/* Dense loops: the product of two matrices of doubles. */
#include "kernel.h"

enum { SIZE = 256 };
static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

static void multiply(double alpha, double beta) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) c[i][j] *= beta;
        for (int k = 0; k < SIZE; k++)
            for (int j = 0; j < SIZE; j++) c[i][j] += alpha * a[i][k] * b[k][j];
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (int i = 0; i < SIZE; i++)
        for (int j = 0; j < SIZE; j++) a[i][j] = (i * j % 7) / 7.0, b[i][j] = (i + j % 5) / 99.0;
    for (uint32_t i = 0; i < repeats; i++) multiply(0.5 + i % 3, 0.25);
    for (int i = 0; i < SIZE; i++) sum = mix_double(sum, c[i][(i * 7) % SIZE]);
    return sum;
}

KERNEL_MAIN(40)
