/* Long integers: Montgomery multiplication of 2048-bit numbers with 128-bit products. */
#include "kernel.h"

enum { LIMBS = 32 };
typedef unsigned __int128 Wide;
typedef uint64_t Number[LIMBS];

/* out = a * b / 2^2048 modulo m, by one limb of `a` at a time. `inverse` is -1/m modulo 2^64. */
static void multiply(Number out, const Number a, const Number b, const Number m, uint64_t inverse) {
    uint64_t t[LIMBS + 2] = {0};
    for (int i = 0; i < LIMBS; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < LIMBS; j++) {
            Wide sum = (Wide)a[i] * b[j] + t[j] + carry;
            t[j] = (uint64_t)sum, carry = (uint64_t)(sum >> 64);
        }
        Wide top = (Wide)t[LIMBS] + carry;
        t[LIMBS] = (uint64_t)top, t[LIMBS + 1] = (uint64_t)(top >> 64);
        uint64_t factor = t[0] * inverse;
        carry = (uint64_t)(((Wide)factor * m[0] + t[0]) >> 64);
        for (int j = 1; j < LIMBS; j++) {
            Wide sum = (Wide)factor * m[j] + t[j] + carry;
            t[j - 1] = (uint64_t)sum, carry = (uint64_t)(sum >> 64);
        }
        top = (Wide)t[LIMBS] + carry;
        t[LIMBS - 1] = (uint64_t)top, t[LIMBS] = t[LIMBS + 1] + (uint64_t)(top >> 64);
    }
    uint64_t borrow = 0, reduced[LIMBS];
    for (int j = 0; j < LIMBS; j++) {
        Wide difference = (Wide)t[j] - m[j] - borrow;
        reduced[j] = (uint64_t)difference, borrow = (uint64_t)(difference >> 64) & 1;
    }
    memcpy(out, t[LIMBS] >= borrow ? reduced : t, sizeof reduced);
}

static uint64_t kernel(uint32_t repeats) {
    Number m, a, b;
    uint64_t random = 6, inverse = 1, sum = 0;
    for (int i = 0; i < LIMBS; i++) m[i] = next_random(&random), a[i] = next_random(&random), b[i] = next_random(&random);
    m[0] |= 1, m[LIMBS - 1] |= (uint64_t)1 << 63;
    a[LIMBS - 1] &= ~((uint64_t)1 << 63), b[LIMBS - 1] &= ~((uint64_t)1 << 63);
    for (int i = 0; i < 6; i++) inverse *= 2 - m[0] * inverse;
    for (uint32_t i = 0; i < repeats * 100; i++) {
        multiply(a, a, b, m, -inverse);
        multiply(b, b, a, m, -inverse);
    }
    for (int i = 0; i < LIMBS; i++) sum = mix(mix(sum, a[i]), b[i]);
    return sum;
}

KERNEL_MAIN(300)
