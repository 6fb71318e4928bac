/* Look-ups in tables: CRC-32 by eight tables at a time. */
#include "kernel.h"

enum { BYTES = 1 << 16 };
static uint32_t tables[8][256];
static uint8_t data[BYTES];

static void make_tables(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        tables[0][byte] = crc;
    }
    for (int table = 1; table < 8; table++)
        for (int byte = 0; byte < 256; byte++)
            tables[table][byte] = tables[table - 1][byte] >> 8 ^ tables[0][tables[table - 1][byte] & 255];
}

static uint32_t crc32(uint32_t crc, const uint8_t *bytes, int length) {
    crc = ~crc;
    for (int at = 0; at < length; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++) crc ^= tables[7 - i][word >> 8 * i & 255];
    }
    return ~crc;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 18;
    uint32_t crc = 0;
    make_tables();
    for (int i = 0; i < BYTES; i++) data[i] = (uint8_t)next_random(&random);
    for (uint32_t i = 0; i < repeats; i++) crc = crc32(crc, data, BYTES);
    return mix(0, crc);
}

KERNEL_MAIN(6000)
