/* Floating point in registers with a branch that is hard to predict: the Mandelbrot set. */
#include "kernel.h"

enum { SIZE = 256, ITERATIONS_MAX = 300 };

static uint32_t iterations(double x, double y) {
    double real = 0, imaginary = 0;
    for (uint32_t i = 0; i < ITERATIONS_MAX; i++) {
        double real2 = real * real, imaginary2 = imaginary * imaginary;
        if (real2 + imaginary2 > 4.0) return i;
        imaginary = 2.0 * real * imaginary + y;
        real = real2 - imaginary2 + x;
    }
    return ITERATIONS_MAX;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        double shift = i * 0.0001;
        for (int row = 0; row < SIZE; row++)
            for (int column = 0; column < SIZE; column++)
                sum = mix(sum, iterations(column * 3.0 / SIZE - 2.2 + shift, row * 2.4 / SIZE - 1.2));
    }
    return sum;
}

KERNEL_MAIN(20)
