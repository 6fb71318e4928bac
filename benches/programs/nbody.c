/* Floating point with square roots and divisions: five bodies that attract each other. */
#include <math.h>

#include "kernel.h"

enum { BODIES = 5 };
typedef struct {
    double place[3], speed[3], mass;
} Body;
static Body bodies[BODIES];

static void set_up(void) {
    uint64_t random = 7;
    for (int i = 0; i < BODIES; i++) {
        for (int axis = 0; axis < 3; axis++) {
            bodies[i].place[axis] = (double)(next_random(&random) % 2000) / 100.0 - 10.0;
            bodies[i].speed[axis] = (double)(next_random(&random) % 2000) / 1000.0 - 1.0;
        }
        bodies[i].mass = i == 0 ? 40.0 : 0.01 * (i + 1);
    }
}

static void step(double time) {
    for (int i = 0; i < BODIES; i++) {
        Body *one = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            Body *other = &bodies[j];
            double x = one->place[0] - other->place[0];
            double y = one->place[1] - other->place[1];
            double z = one->place[2] - other->place[2];
            double square = x * x + y * y + z * z + 0.01;
            double pull = time / (square * sqrt(square));
            double to_one = other->mass * pull, to_other = one->mass * pull;
            one->speed[0] -= x * to_one, one->speed[1] -= y * to_one, one->speed[2] -= z * to_one;
            other->speed[0] += x * to_other, other->speed[1] += y * to_other, other->speed[2] += z * to_other;
        }
    }
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++) bodies[i].place[axis] += time * bodies[i].speed[axis];
}

static uint64_t kernel(uint32_t repeats) {
    set_up();
    for (uint32_t i = 0; i < repeats * 100000; i++) step(0.001);
    uint64_t sum = 0;
    for (int i = 0; i < BODIES; i++) sum = mix_double(mix_double(sum, bodies[i].place[0]), bodies[i].speed[1]);
    return sum;
}

KERNEL_MAIN(30)
