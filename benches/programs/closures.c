/* Calls through function pointers: an expression tree whose nodes evaluate themselves. */
#include "kernel.h"

typedef struct Node Node;
struct Node {
    uint32_t (*evaluate)(const Node *, const uint32_t *variables);
    const Node *left, *right;
    uint32_t value;
};
enum { NODES = 127 };
static Node nodes[NODES];

static uint32_t left(const Node *node, const uint32_t *v) { return node->left->evaluate(node->left, v); }
static uint32_t right(const Node *node, const uint32_t *v) { return node->right->evaluate(node->right, v); }

static uint32_t constant(const Node *node, const uint32_t *v) { return (void)v, node->value; }
static uint32_t variable(const Node *node, const uint32_t *v) { return v[node->value % 4]; }
static uint32_t add(const Node *node, const uint32_t *v) { return left(node, v) + right(node, v); }
static uint32_t multiply(const Node *node, const uint32_t *v) { return left(node, v) * right(node, v); }
static uint32_t exclusive(const Node *node, const uint32_t *v) { return left(node, v) ^ right(node, v); }
static uint32_t choose(const Node *node, const uint32_t *v) { return left(node, v) & 4 ? right(node, v) : node->value; }

/* A complete tree in breadth-first order. */
static void plant(void) {
    uint32_t (*const inner[])(const Node *, const uint32_t *) = {add, multiply, exclusive, choose};
    uint64_t random = 16;
    for (uint32_t at = 0; at < NODES; at++) {
        uint32_t number = (uint32_t)next_random(&random);
        if (2 * at + 2 < NODES) nodes[at] = (Node){inner[number % 4], &nodes[2 * at + 1], &nodes[2 * at + 2], number >> 8};
        else nodes[at] = (Node){number % 3 ? variable : constant, NULL, NULL, number >> 8};
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    plant();
    for (uint32_t i = 0; i < repeats * 1000; i++) {
        uint32_t variables[4] = {i, i >> 3, (uint32_t)sum, 3 * i + 1};
        sum = mix(sum, nodes[0].evaluate(&nodes[0], variables));
    }
    return sum;
}

KERNEL_MAIN(600)
