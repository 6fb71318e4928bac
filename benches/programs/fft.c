/* Strided floating-point loads and stores: a fast Fourier transform, forth and back. */
#include <math.h>

#include "kernel.h"

enum { BITS = 14, LENGTH = 1 << BITS };
typedef struct {
    double real, imaginary;
} Complex;
static Complex values[LENGTH], roots[LENGTH / 2];

/* The roots of unity by halving angles, so that no library's sine is needed. */
static void make_roots(void) {
    double cosine = -1.0;
    roots[0] = (Complex){1.0, 0.0};
    for (int step = LENGTH / 4; step > 0; step /= 2) {
        Complex turn = {sqrt((1.0 + cosine) / 2.0), -sqrt((1.0 - cosine) / 2.0)};
        cosine = turn.real;
        for (int at = 0; at < LENGTH / 2; at += 2 * step) {
            Complex root = roots[at];
            roots[at + step].real = root.real * turn.real - root.imaginary * turn.imaginary;
            roots[at + step].imaginary = root.real * turn.imaginary + root.imaginary * turn.real;
        }
    }
}

static void transform(double direction) {
    for (uint32_t i = 0, reversed = 0; i < LENGTH; i++) {
        if (i < reversed) {
            Complex swap = values[i];
            values[i] = values[reversed], values[reversed] = swap;
        }
        uint32_t bit = LENGTH / 2;
        for (; reversed & bit; bit /= 2) reversed ^= bit;
        reversed |= bit;
    }
    for (int half = 1; half < LENGTH; half *= 2) {
        int step = LENGTH / 2 / half;
        for (int start = 0; start < LENGTH; start += 2 * half)
            for (int k = 0; k < half; k++) {
                Complex root = roots[k * step], *low = &values[start + k], *high = low + half;
                double imaginary_root = direction * root.imaginary;
                double real = high->real * root.real - high->imaginary * imaginary_root;
                double imaginary = high->real * imaginary_root + high->imaginary * root.real;
                high->real = low->real - real, high->imaginary = low->imaginary - imaginary;
                low->real += real, low->imaginary += imaginary;
            }
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 15, sum = 0;
    make_roots();
    for (int i = 0; i < LENGTH; i++) values[i] = (Complex){(double)(next_random(&random) % 1000) - 500.0, 0.0};
    for (uint32_t i = 0; i < repeats; i++) {
        transform(1.0);
        transform(-1.0);
        for (int at = 0; at < LENGTH; at++) values[at].real /= LENGTH, values[at].imaginary /= LENGTH;
    }
    for (int i = 0; i < LENGTH; i += 16) sum = mix_double(sum, values[i].real);
    return sum;
}

KERNEL_MAIN(500)
