/* 128-bit vectors of integers and floats: dot products and a convolution of 16-bit samples. */
#include "kernel.h"

enum { LENGTH = 1 << 14 };
typedef float Floats __attribute__((vector_size(16)));
typedef int32_t Words __attribute__((vector_size(16)));
typedef int16_t Shorts __attribute__((vector_size(16)));
static Floats a[LENGTH / 4], b[LENGTH / 4];
static Shorts samples[LENGTH / 8], weights[LENGTH / 8];

static float dot(void) {
    Floats sums[4] = {{0}};
    for (int i = 0; i < LENGTH / 4; i += 4)
        for (int j = 0; j < 4; j++) sums[j] += a[i + j] * b[i + j];
    Floats sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static Words low(Shorts v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 0, 1, 2, 3), Words); }
static Words high(Shorts v) { return __builtin_convertvector(__builtin_shufflevector(v, v, 4, 5, 6, 7), Words); }

static int32_t weigh(void) {
    Words sum = {0}, sum2 = {0};
    for (int i = 0; i < LENGTH / 8; i++) {
        sum += low(samples[i]) * low(weights[i]);
        sum2 += high(samples[i]) * high(weights[i]);
    }
    sum += sum2;
    return sum[0] + sum[1] + sum[2] + sum[3];
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 24, sum = 0;
    for (int i = 0; i < LENGTH; i++) {
        a[i / 4][i % 4] = (float)(next_random(&random) % 1000) / 1000.0f;
        b[i / 4][i % 4] = (float)(next_random(&random) % 1000) / 1000.0f;
        samples[i / 8][i % 8] = (int16_t)(next_random(&random) % 1001 - 500);
        weights[i / 8][i % 8] = (int16_t)(next_random(&random) % 201 - 100);
    }
    for (uint32_t i = 0; i < repeats; i++) {
        a[i % (LENGTH / 4)][i % 4] += 0.5f;
        sum = mix_double(sum, dot());
        samples[i % (LENGTH / 8)][i % 8]++;
        sum = mix(sum, (uint32_t)weigh());
    }
    return sum;
}

KERNEL_MAIN(100000)
