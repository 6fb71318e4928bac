/* Compresses and decompresses text that it makes up: as many megabytes as its first argument says, at the level of its second. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Words of a small vocabulary, the frequent ones more often. */
static void make_text(char *text, size_t length) {
    uint64_t random = 1;
    for (size_t at = 0; at < length;) {
        random = random * 6364136223846793005 + 1442695040888963407;
        uint64_t word = (random >> 33) % (1 + (random >> 40) % 4000);
        for (uint64_t letters = word * 2654435761 + 26; letters > 25 && at < length; letters /= 26)
            text[at++] = (char)('a' + letters % 26);
        if (at < length) text[at++] = word % 13 ? ' ' : '\n';
    }
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: zstd MEGABYTES LEVEL\n");
        return 2;
    }
    size_t length = strtoul(argv[1], NULL, 10) << 20, room = ZSTD_compressBound(length);
    char *text = malloc(length), *packed = malloc(room), *unpacked = malloc(length);
    if (!text || !packed || !unpacked) return 1;
    make_text(text, length);
    size_t size = ZSTD_compress(packed, room, text, length, atoi(argv[2]));
    for (int i = 0; i < 10; i++) {
        size_t back = ZSTD_decompress(unpacked, length, packed, size);
        if (ZSTD_isError(size) || back != length || memcmp(text, unpacked, length) != 0) {
            fprintf(stderr, "error: what came back is not what went in\n");
            return 1;
        }
    }
    printf("%zu bytes in %zu\n", length, size);
    return 0;
}
