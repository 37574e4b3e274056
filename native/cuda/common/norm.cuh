// What RMSNorm of rows and of heads share.
#pragma once
#include "memory.cuh"

// The factor that makes a row's mean square one.
SRV_DEVICE float norm_factor(float square_sum, int columns, float epsilon) {
    return ptx::rcp_rn(ptx::sqrt_rn(ptx::div_rn(square_sum, static_cast<float>(columns)) + epsilon));
}
