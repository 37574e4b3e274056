// The activations of gates.
#pragma once
#include "../common/exponential.cuh"

// x sigmoid(z)
SRV_DEVICE float gated(float x, float z) { return ptx::div_rn(x, 1.0f + exponential(-z)); }

// SiLU is x sigmoid(x). GELU by tanh, x (1 + tanh(u)) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), is x sigmoid(2 u).
SRV_DEVICE float activation_of(float x, int activation) {
    if (activation == SRV_GATE_SILU) {
        return gated(x, x);
    }

    const float cubic = (x * x) * 0.044715f * x;
    return gated(x, (x + cubic) * 1.5957691216f);
}
