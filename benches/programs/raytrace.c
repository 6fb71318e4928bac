/* Floating point, structures by value, recursion: spheres that mirror each other. */
#include <math.h>

#include "kernel.h"

enum { SIZE = 160, SPHERES = 9, DEPTH = 4 };
typedef struct {
    double x, y, z;
} Vector;
typedef struct {
    Vector centre, colour;
    double radius, mirror;
} Sphere;
static Sphere spheres[SPHERES];

static Vector plus(Vector a, Vector b) { return (Vector){a.x + b.x, a.y + b.y, a.z + b.z}; }
static Vector minus(Vector a, Vector b) { return (Vector){a.x - b.x, a.y - b.y, a.z - b.z}; }
static Vector times(Vector a, double by) { return (Vector){a.x * by, a.y * by, a.z * by}; }
static double dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static Vector unit(Vector a) { return times(a, 1.0 / sqrt(dot(a, a))); }

/* The nearest sphere that a ray meets, and how far away. */
static const Sphere *hit(Vector from, Vector towards, double *distance) {
    const Sphere *nearest = NULL;
    for (const Sphere *sphere = spheres; sphere < spheres + SPHERES; sphere++) {
        Vector way = minus(sphere->centre, from);
        double along = dot(way, towards), square = sphere->radius * sphere->radius - dot(way, way) + along * along;
        if (square < 0.0) continue;
        double at = along - sqrt(square);
        if (at > 0.001 && at < *distance) *distance = at, nearest = sphere;
    }
    return nearest;
}

static Vector trace(Vector from, Vector towards, int depth) {
    double distance = 1e9, shadow = 1e9;
    const Sphere *sphere = hit(from, towards, &distance);
    if (sphere == NULL) return (Vector){0.2, 0.3, 0.5 + 0.5 * towards.y};
    Vector place = plus(from, times(towards, distance));
    Vector normal = unit(minus(place, sphere->centre)), light = unit((Vector){1.0, 2.0, -1.5});
    double bright = dot(normal, light);
    if (bright < 0.0 || hit(place, light, &shadow) != NULL) bright = 0.0;
    Vector colour = times(sphere->colour, 0.1 + 0.9 * bright);
    if (depth == 0 || sphere->mirror == 0.0) return colour;
    Vector mirrored = minus(towards, times(normal, 2.0 * dot(towards, normal)));
    return plus(times(colour, 1.0 - sphere->mirror), times(trace(place, mirrored, depth - 1), sphere->mirror));
}

static uint64_t kernel(uint32_t repeats) {
    uint64_t sum = 0;
    for (int i = 0; i < SPHERES; i++) {
        Vector centre = {(i % 3 - 1) * 1.2, (i / 3 - 1) * 1.2, 4.0 + i % 2};
        spheres[i] = (Sphere){centre, {0.1 * i, 1.0 - 0.1 * i, 0.5}, 0.6 + 0.02 * i, i % 4 * 0.25};
    }
    for (uint32_t i = 0; i < repeats; i++) {
        for (int row = 0; row < SIZE; row++)
            for (int column = 0; column < SIZE; column++) {
                Vector towards = unit((Vector){2.0 * column / SIZE - 1.0, 1.0 - 2.0 * row / SIZE, 1.5});
                Vector colour = trace((Vector){0.0, 0.01 * i, -1.0}, towards, DEPTH);
                sum = mix_double(sum, colour.x + colour.y + colour.z);
            }
    }
    return sum;
}

KERNEL_MAIN(130)
