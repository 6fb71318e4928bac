/* Bytes to text and back: base64. */
#include "kernel.h"

enum { BYTES = 48000, CHARACTERS = BYTES / 3 * 4 };
static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t data[BYTES], values[256];
static char text[CHARACTERS];

static void encode(void) {
    for (int from = 0, to = 0; from < BYTES; from += 3, to += 4) {
        uint32_t bits = (uint32_t)data[from] << 16 | (uint32_t)data[from + 1] << 8 | data[from + 2];
        text[to] = ALPHABET[bits >> 18], text[to + 1] = ALPHABET[bits >> 12 & 63];
        text[to + 2] = ALPHABET[bits >> 6 & 63], text[to + 3] = ALPHABET[bits & 63];
    }
}

/* Returns the place of the first character that is none of the alphabet's. */
static int decode(void) {
    for (int from = 0, to = 0; from < CHARACTERS; from += 4, to += 3) {
        uint32_t bits = 0, wrong = 0;
        for (int i = 0; i < 4; i++) {
            uint8_t value = values[(uint8_t)text[from + i]];
            wrong |= value & 64;
            bits = bits << 6 | value;
        }
        if (wrong) return from;
        data[to] = (uint8_t)(bits >> 16), data[to + 1] = (uint8_t)(bits >> 8), data[to + 2] = (uint8_t)bits;
    }
    return CHARACTERS;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 20, sum = 0;
    memset(values, 64, sizeof values);
    for (int i = 0; i < 64; i++) values[(uint8_t)ALPHABET[i]] = (uint8_t)i;
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)next_random(&random);
    for (uint32_t i = 0; i < repeats; i++) {
        encode();
        sum = mix(sum, (uint64_t)(uint8_t)text[i % CHARACTERS] + (uint64_t)decode());
        data[i % BYTES]++;
    }
    return sum;
}

KERNEL_MAIN(4000)
