/* A hash map with open addressing: insertions, look-ups, removals. */
#include "kernel.h"

enum { SLOTS = 1 << 16, KEYS = 40000 };
typedef struct {
    uint64_t key; /* 0: free */
    uint64_t value;
} Slot;
static Slot slots[SLOTS];

static uint32_t home(uint64_t key) { return (uint32_t)(key * 0x9e3779b97f4a7c15 >> 48) % SLOTS; }

static Slot *find(uint64_t key) {
    uint32_t at = home(key);
    while (slots[at].key != 0 && slots[at].key != key) at = (at + 1) % SLOTS;
    return &slots[at];
}

/* Moves the followers back, so that no search ends at the gap. */
static void erase(Slot *gone) {
    uint32_t gap = (uint32_t)(gone - slots);
    for (uint32_t at = (gap + 1) % SLOTS; slots[at].key != 0; at = (at + 1) % SLOTS) {
        if ((at - home(slots[at].key)) % SLOTS >= (at - gap) % SLOTS) {
            slots[gap] = slots[at];
            gap = at;
        }
    }
    slots[gap].key = 0;
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        uint64_t random = 17 + i % 5;
        for (uint32_t key = 0; key < KEYS; key++) {
            uint64_t name = next_random(&random) | 1;
            *find(name) = (Slot){name, key};
        }
        random = 17 + i % 5;
        for (uint32_t key = 0; key < KEYS; key++) {
            Slot *slot = find(next_random(&random) | 1);
            sum += slot->value;
            if (key % 3 == 0) slot->value += i;
            else erase(slot);
        }
        random = 17 + i % 5;
        for (uint32_t key = 0; key < KEYS; key++) {
            Slot *slot = find(next_random(&random) | 1);
            if (slot->key != 0) sum = mix(sum, slot->value), erase(slot);
        }
    }
    return sum;
}

KERNEL_MAIN(130)
