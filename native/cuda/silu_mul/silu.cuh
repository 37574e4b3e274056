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

SRV_DEVICE float at_most(float x, float most) { return x > most ? most : x; }

// activation(gate) up. SwiGLU of gpt-oss is GELU by the logistic function, x sigmoid(1.702 x), of a gate that is bounded from above, times up, bounded on both sides, + 1.
SRV_DEVICE float gate_times(float gate, float up, int activation, float limit) {
    if (activation != SRV_GATE_SWIGLU_OAI) {
        return activation_of(gate, activation) * up;
    }

    const float bounded = at_most(gate, limit);
    return gated(bounded, bounded * 1.702f) * (-at_most(-at_most(up, limit), limit) + 1.0f);
}
