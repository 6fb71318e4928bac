/* Dependent loads: walking, reversing and sorting linked lists whose nodes lie in no order. */
#include "kernel.h"

enum { NODES = 20000 };
typedef struct Node {
    struct Node *next;
    uint32_t value;
} Node;
static Node nodes[NODES];

static Node *reverse(Node *list) {
    Node *reversed = NULL;
    while (list != NULL) {
        Node *next = list->next;
        list->next = reversed, reversed = list, list = next;
    }
    return reversed;
}

static Node *merge(Node *a, Node *b) {
    Node *first = NULL, **end = &first;
    while (a != NULL && b != NULL) {
        Node **least = a->value <= b->value ? &a : &b;
        *end = *least, end = &(*end)->next, *least = *end;
    }
    *end = a != NULL ? a : b;
    return first;
}

static Node *sort(Node *list) {
    if (list == NULL || list->next == NULL) return list;
    Node *slow = list, *fast = list->next;
    while (fast != NULL && fast->next != NULL) slow = slow->next, fast = fast->next->next;
    Node *half = slow->next;
    slow->next = NULL;
    return merge(sort(list), sort(half));
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t random = 27, sum = 0;
    Node *list = NULL;
    for (uint32_t i = 0; i < NODES; i++) {
        Node *node = &nodes[i * 7919 % NODES];
        *node = (Node){list, (uint32_t)next_random(&random)};
        list = node;
    }
    for (uint32_t i = 0; i < repeats; i++) {
        for (int walk = 0; walk < 20; walk++) {
            list = reverse(list);
            for (Node *node = list; node != NULL; node = node->next) sum += node->value ^ (uint32_t)walk;
        }
        list = sort(list);
        for (uint32_t at = 0; at < NODES; at++) nodes[at].value = nodes[at].value * 1664525 + 1013904223;
    }
    return mix(sum, list->value);
}

KERNEL_MAIN(50)
