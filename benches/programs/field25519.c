/* Elliptic curve arithmetic: multiplications modulo 2^255 - 19 in ten limbs of 26 and 25 bits, as code without 128-bit products does it. */
#include "kernel.h"

typedef int64_t Field[10];

/* Limb i counts 2^ceil(25.5 i); the product of two odd limbs is twice as large as its place says, and beyond the end 2^255 is 19. */
static void multiply(Field out, const Field f, const Field g) {
    int64_t h[10];
    for (int place = 0; place < 10; place++) {
        int64_t low = 0, high = 0;
        for (int i = 0; i < 10; i++) {
            int j = place - i;
            int64_t factor = (i & (j & 1)) & 1 ? 2 * f[i] : f[i];
            if (j >= 0) low += factor * g[j];
            else high += factor * g[j + 10];
        }
        h[place] = low + 19 * high;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 10; i++) {
            int bits = i & 1 ? 25 : 26;
            int64_t carry = (h[i] + ((int64_t)1 << (bits - 1))) >> bits;
            h[i] -= carry * ((int64_t)1 << bits);
            if (i == 9) h[0] += 19 * carry;
            else h[i + 1] += carry;
        }
    }
    memcpy(out, h, sizeof h);
}

static void add(Field out, const Field f, const Field g) {
    for (int i = 0; i < 10; i++) out[i] = f[i] + g[i];
}

static void subtract(Field out, const Field f, const Field g) {
    for (int i = 0; i < 10; i++) out[i] = f[i] - g[i];
}

/* The steps of a Montgomery ladder, with the exchange that takes equally long whichever way it goes. */
static void ladder(Field x, Field z, const Field base, uint32_t steps, uint64_t bits) {
    Field other_x, other_z, a, b, c, d, e;
    const Field small = {121665};
    memcpy(other_x, base, sizeof(Field)), memset(other_z, 0, sizeof(Field));
    other_z[0] = 1;
    for (uint32_t step = 0; step < steps; step++) {
        int64_t mask = -(int64_t)(bits >> (step & 63) & 1);
        for (int i = 0; i < 10; i++) {
            int64_t swap_x = mask & (x[i] ^ other_x[i]), swap_z = mask & (z[i] ^ other_z[i]);
            x[i] ^= swap_x, other_x[i] ^= swap_x, z[i] ^= swap_z, other_z[i] ^= swap_z;
        }
        add(a, x, z), subtract(b, x, z), add(c, other_x, other_z), subtract(d, other_x, other_z);
        multiply(d, d, a), multiply(c, c, b);
        add(other_x, d, c), multiply(other_x, other_x, other_x);
        subtract(other_z, d, c), multiply(other_z, other_z, other_z), multiply(other_z, other_z, base);
        multiply(a, a, a), multiply(b, b, b), multiply(x, a, b);
        subtract(e, a, b), multiply(c, e, small), add(c, c, a), multiply(z, e, c);
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0, random = 5;
    Field base = {9}, x = {1}, z = {0};
    for (uint32_t i = 0; i < repeats; i++) ladder(x, z, base, 255, next_random(&random));
    for (int i = 0; i < 10; i++) sum = mix(mix(sum, (uint64_t)x[i]), (uint64_t)z[i]);
    return sum;
}

KERNEL_MAIN(1000)
