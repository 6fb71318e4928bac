/* Compression: the longest match by chains of hashes, and the way back. */
#include "kernel.h"

enum { LENGTH = 1 << 17, BUCKETS = 1 << 14, CHAIN_MAX = 8, MATCH_MIN = 4, MATCH_MAX = 255 + MATCH_MIN };
static uint8_t text[LENGTH], packed[2 * LENGTH], unpacked[LENGTH];
static int32_t last[BUCKETS], previous[LENGTH];

static uint32_t hash(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, 4);
    return word * 2654435761u >> 18;
}

static void remember(int32_t at) {
    uint32_t bucket = hash(text + at);
    previous[at] = last[bucket], last[bucket] = at;
}

/* A literal is 0 and a byte; a match is its length, and its distance in three bytes. */
static uint32_t pack(void) {
    uint32_t size = 0;
    for (int i = 0; i < BUCKETS; i++) last[i] = -1;
    for (int32_t at = 0; at < LENGTH;) {
        int32_t best = 0, distance = 0, room = LENGTH - at < MATCH_MAX ? LENGTH - at : MATCH_MAX;
        if (room >= MATCH_MIN) {
            int32_t candidate = last[hash(text + at)];
            for (int tries = 0; candidate >= 0 && tries < CHAIN_MAX; tries++, candidate = previous[candidate]) {
                int32_t length = 0;
                while (length < room && text[candidate + length] == text[at + length]) length++;
                if (length > best) best = length, distance = at - candidate;
            }
        }
        if (best < MATCH_MIN) {
            packed[size++] = 0, packed[size++] = text[at];
            best = 1;
        } else {
            packed[size++] = (uint8_t)(best - MATCH_MIN + 1 > 255 ? 255 : best - MATCH_MIN + 1);
            best = packed[size - 1] + MATCH_MIN - 1;
            packed[size++] = (uint8_t)distance, packed[size++] = (uint8_t)(distance >> 8), packed[size++] = (uint8_t)(distance >> 16);
        }
        for (; best > 0; best--, at++)
            if (at + 4 <= LENGTH) remember(at);
    }
    return size;
}

static uint32_t unpack(uint32_t size) {
    uint32_t to = 0;
    for (uint32_t at = 0; at < size;) {
        uint32_t length = packed[at++];
        if (length == 0) {
            unpacked[to++] = packed[at++];
            continue;
        }
        uint32_t distance = packed[at] | (uint32_t)packed[at + 1] << 8 | (uint32_t)packed[at + 2] << 16;
        at += 3;
        for (length += MATCH_MIN - 1; length > 0; length--, to++) unpacked[to] = unpacked[to - distance];
    }
    return to;
}

static uint64_t kernel(uint32_t repeats) {
    static const char *const SYLLABLES[] = {"the ", "ing ", "a", "of ", "com", "press", "ion ", "re", "is ", "wa", "sm", ", ", "un", "der", "x", "ough"};
    uint64_t random = 23, sum = 0;
    for (int at = 0; at < LENGTH;)
        for (const char *c = SYLLABLES[next_random(&random) % 16]; *c && at < LENGTH; c++) text[at++] = (uint8_t)*c;
    for (uint32_t i = 0; i < repeats; i++) {
        uint32_t size = pack(), back = unpack(size);
        sum = mix(sum, size + (memcmp(text, unpacked, LENGTH) == 0 ? back : 0));
        text[i * 977 % LENGTH]++;
    }
    return sum;
}

KERNEL_MAIN(150)
