// Turning a head by a position: element i with element i + pairs, half-split pairs.
#pragma once
#include "../common/memory.cuh"

struct Turned {
    float first, second;
};

// (a cos - b sin, b cos + a sin), each one rounded product and one fma: the CPU kernels' arithmetic.
SRV_DEVICE Turned turn(float a, float b, float cosine, float sine) { return {ptx::fma(a, cosine, -(b * sine)), ptx::fma(b, cosine, a * sine)}; }
