/* Sorting through a function pointer, as qsort does: merge sort of records. */
#include "kernel.h"

enum { LENGTH = 100000 };
typedef struct {
    uint64_t key;
    uint32_t place;
} Record;
typedef int (*Compare)(const Record *, const Record *);
static Record records[LENGTH], spare[LENGTH];

static int by_key(const Record *a, const Record *b) { return (a->key > b->key) - (a->key < b->key); }
static int by_place(const Record *a, const Record *b) { return (a->place > b->place) - (a->place < b->place); }
static const Compare ORDERS[] = {by_key, by_place};

__attribute__((noinline)) static void sort(Record *items, uint32_t length, Compare compare) {
    if (length <= 8) {
        for (uint32_t i = 1; i < length; i++) {
            Record moved = items[i];
            uint32_t to = i;
            for (; to > 0 && compare(&items[to - 1], &moved) > 0; to--) items[to] = items[to - 1];
            items[to] = moved;
        }
        return;
    }
    uint32_t half = length / 2;
    sort(items, half, compare);
    sort(items + half, length - half, compare);
    memcpy(spare, items, half * sizeof(Record));
    for (uint32_t left = 0, right = half, to = 0; left < half; to++) {
        if (right < length && compare(&spare[left], &items[right]) > 0) items[to] = items[right++];
        else items[to] = spare[left++];
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 9, sum = 0;
    for (uint32_t at = 0; at < LENGTH; at++) records[at] = (Record){next_random(&random), at};
    for (uint32_t i = 0; i < repeats; i++) {
        for (uint32_t at = 0; at < LENGTH; at++) records[at].key ^= (uint64_t)i << 40 | records[at].key >> 7;
        sort(records, LENGTH, ORDERS[i % 2]);
        for (uint32_t at = 0; at < LENGTH; at += 100) sum = mix(sum, records[at].key + records[at].place);
    }
    return sum;
}

KERNEL_MAIN(18)
