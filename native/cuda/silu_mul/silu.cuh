// The activation.
#pragma once
#include "../common/exponential.cuh"

// x sigmoid(x)
SRV_DEVICE float silu(float x) { return ptx::div_rn(x, 1.0f + exponential(-x)); }
