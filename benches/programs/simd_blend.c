/* 128-bit vectors of bytes: drawing a half transparent picture over another, four pixels at a time. */
#include "kernel.h"

enum { WIDTH = 512, HEIGHT = 256, PIXELS = WIDTH * HEIGHT };
typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef uint16_t Shorts __attribute__((vector_size(16)));
static Bytes below[PIXELS / 4], above[PIXELS / 4], out[PIXELS / 4];

#define WIDEN(v, first)                                                                                                     \
    (Shorts) __builtin_shufflevector(v, (Bytes){0}, first, 16, first + 1, 16, first + 2, 16, first + 3, 16, first + 4, 16, \
                                     first + 5, 16, first + 6, 16, first + 7, 16)

/* Each pixel's share of the upper picture, which is its fourth byte, for all of its bytes. */
static Shorts shares(Shorts pixels) { return __builtin_shufflevector(pixels, pixels, 3, 3, 3, 3, 7, 7, 7, 7); }

static Shorts mixture(Shorts low, Shorts high, Shorts share) {
    Shorts value = high * share + low * (255 - share) + 128;
    return (value + (value >> 8)) >> 8;
}

static void blend(void) {
    for (int i = 0; i < PIXELS / 4; i++) {
        Shorts upper0 = WIDEN(above[i], 0), upper1 = WIDEN(above[i], 8);
        Bytes low = (Bytes)mixture(WIDEN(below[i], 0), upper0, shares(upper0));
        Bytes high = (Bytes)mixture(WIDEN(below[i], 8), upper1, shares(upper1));
        out[i] = __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 25, sum = 0;
    for (int i = 0; i < PIXELS * 4; i++) {
        below[i / 16][i % 16] = (uint8_t)next_random(&random);
        above[i / 16][i % 16] = (uint8_t)next_random(&random);
    }
    for (uint32_t i = 0; i < repeats; i++) {
        blend();
        Bytes *changed = &below[i * 7919 % (PIXELS / 4)];
        sum = mix(sum, out[i * 31 % (PIXELS / 4)][i % 16]);
        *changed = out[i * 31 % (PIXELS / 4)];
    }
    return sum;
}

KERNEL_MAIN(2500)
