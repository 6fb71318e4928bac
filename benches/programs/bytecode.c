/* An interpreter: a loop around a switch that runs a stack machine, which counts the steps of Collatz's sequences. */
#include "kernel.h"

enum { PUSH, LOAD, STORE, ADD, MULTIPLY, AND, SHIFT, LESS, EQUAL, JUMP, JUMP_IF, JUMP_UNLESS, HALT };
typedef struct {
    uint8_t operation;
    uint32_t operand;
} Instruction;

/* Local 0 is the start of a sequence, 1 its current number, 2 counts the steps of all, 3 is the limit. */
static const Instruction PROGRAM[] = {
    /*  0 */ {LOAD, 0}, {LOAD, 3}, {LESS, 0}, {JUMP_UNLESS, 34}, {LOAD, 0}, {STORE, 1},
    /*  6 */ {LOAD, 1}, {PUSH, 1}, {EQUAL, 0}, {JUMP_IF, 29}, {LOAD, 1}, {PUSH, 1}, {AND, 0}, {JUMP_IF, 18},
    /* 14 */ {LOAD, 1}, {PUSH, 1}, {SHIFT, 0}, {JUMP, 23},
    /* 18 */ {LOAD, 1}, {PUSH, 3}, {MULTIPLY, 0}, {PUSH, 1}, {ADD, 0},
    /* 23 */ {STORE, 1}, {LOAD, 2}, {PUSH, 1}, {ADD, 0}, {STORE, 2}, {JUMP, 6},
    /* 29 */ {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {STORE, 0}, {JUMP, 0},
    /* 34 */ {LOAD, 2}, {HALT, 0},
};

__attribute__((noinline)) static uint32_t run(const Instruction *program, uint32_t *locals) {
    uint32_t stack[16], *top = stack;
    for (const Instruction *at = program;; at++) {
        switch (at->operation) {
            case PUSH: *top++ = at->operand; break;
            case LOAD: *top++ = locals[at->operand]; break;
            case STORE: locals[at->operand] = *--top; break;
            case ADD: top--, top[-1] += top[0]; break;
            case MULTIPLY: top--, top[-1] *= top[0]; break;
            case AND: top--, top[-1] &= top[0]; break;
            case SHIFT: top--, top[-1] >>= top[0] & 31; break;
            case LESS: top--, top[-1] = top[-1] < top[0]; break;
            case EQUAL: top--, top[-1] = top[-1] == top[0]; break;
            case JUMP: at = program + at->operand - 1; break;
            case JUMP_IF: at = *--top ? program + at->operand - 1 : at; break;
            case JUMP_UNLESS: at = *--top ? at : program + at->operand - 1; break;
            case HALT: return top[-1];
        }
    }
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < repeats; i++) {
        uint32_t locals[4] = {1 + i, 0, 0, 10000};
        sum = mix(sum, run(PROGRAM, locals));
    }
    return sum;
}

KERNEL_MAIN(10)
