/* Branches on characters: reading a text of nested lists, numbers and names by recursive descent. */
#include "kernel.h"

enum { LENGTH = 1 << 16 };
static char text[2 * LENGTH];
static uint32_t written;

static void put(const char *part) {
    while (*part) text[written++] = *part++;
}

/* Writes a value as random as its seed, nested at most so deep. */
static void write_value(uint64_t *random, int depth) {
    static const char *const SIMPLE[] = {"12", "-345.25e2", "\"a name\"", "\"with \\\"quotes\\\"\"", "true", "null", "90125", "0.5"};
    uint64_t number = next_random(random);
    if (depth == 0 || number % 4 == 0) {
        put(SIMPLE[number >> 8 & 7]);
        return;
    }
    int is_object = number >> 4 & 1;
    put(is_object ? "{" : "[");
    for (uint64_t i = 0, count = 1 + (number >> 16) % 6; i < count; i++) {
        if (i > 0) put(", ");
        if (is_object) put("\"key\": ");
        write_value(random, depth - 1);
    }
    put(is_object ? "}" : "]");
}

static const char *skip(const char *at) {
    while (*at == ' ' || *at == '\n') at++;
    return at;
}

static const char *read_string(const char *at, uint64_t *sum) {
    for (at++; *at != '"'; at++) {
        if (*at == '\\') at++;
        *sum = mix(*sum, (uint8_t)*at);
    }
    return at + 1;
}

static const char *read_number(const char *at, uint64_t *sum) {
    int64_t value = 0;
    int negative = *at == '-', exponent = 0;
    for (at += negative; *at >= '0' && *at <= '9'; at++) value = value * 10 + (*at - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, exponent--) value = value * 10 + (*at - '0');
    if (*at == 'e')
        for (at++; *at >= '0' && *at <= '9'; at++) exponent += *at - '0';
    *sum = mix(*sum, (uint64_t)(negative ? -value : value) + (uint64_t)exponent);
    return at;
}

static const char *read_value(const char *at, uint64_t *sum) {
    at = skip(at);
    switch (*at) {
        case '"': return read_string(at, sum);
        case '{':
        case '[':
            do {
                at = skip(at + 1);
                if (*at == '"') {
                    at = skip(read_string(at, sum));
                    if (*at != ':') continue;
                    at++;
                }
                at = skip(read_value(at, sum));
            } while (*at == ',');
            return at + 1;
        case 't':
        case 'n': *sum = mix(*sum, (uint8_t)*at); return at + 4;
        default: return read_number(at, sum);
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 29, sum = 0;
    put("[");
    do write_value(&random, 4), put(",\n");
    while (written < LENGTH / 2);
    put("0]");
    for (uint32_t i = 0; i < repeats; i++) {
        read_value(text, &sum);
        /* Another number in the last place, so that no two readings are the same. */
        text[written - 2] = (char)('0' + i % 10);
    }
    return sum;
}

KERNEL_MAIN(3500)
