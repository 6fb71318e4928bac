/* Triangular loops with divisions: a matrix into its lower and upper triangle. */
#include "kernel.h"

enum { SIZE = 300 };
static double matrix[SIZE][SIZE];

static void decompose(void) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < i; j++) {
            double value = matrix[i][j];
            for (int k = 0; k < j; k++) value -= matrix[i][k] * matrix[k][j];
            matrix[i][j] = value / matrix[j][j];
        }
        for (int j = i; j < SIZE; j++)
            for (int k = 0; k < i; k++) matrix[i][j] -= matrix[i][k] * matrix[k][j];
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 14, sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        for (int row = 0; row < SIZE; row++)
            for (int column = 0; column < SIZE; column++)
                matrix[row][column] = row == column ? 300.0 : (double)(next_random(&random) % 100) / 100.0;
        decompose();
        for (int at = 0; at < SIZE; at++) sum = mix_double(sum, matrix[at][(at * 7) % SIZE]);
    }
    return sum;
}

KERNEL_MAIN(20)
