// What becomes of one value of a Linear.
#pragma once
#include "../common/memory.cuh"

SRV_DEVICE void finish_value(const srv_linear_params& p, int row, int column, float value) {
    if (p.mode == SRV_LINEAR_ROUND) {
        row_of<uint16_t>(p.output, row, p.output_stride)[column] = ptx::to_bf16(value);
    } else {
        float* to = row_of<float>(p.output, row, p.output_stride) + column;
        *to = p.mode == SRV_LINEAR_ACCUMULATE ? *to + value : value;
    }
}

// A product in two planes: the sum of their values, the first one first.
SRV_DEVICE const float* second_plane(const srv_linear_params& p, const float* product) { return p.planes > 1 ? product + p.plane_stride : nullptr; }

SRV_DEVICE float product_of(const srv_linear_params& p, int row, int column) {
    const float* product = row_of<const float>(p.product, row, p.product_stride) + column;
    const float* second = second_plane(p, product);
    return second == nullptr ? *product : *product + *second;
}

// Four columns from one that is 16-byte aligned.
SRV_DEVICE Float4 product_four(const srv_linear_params& p, int row, int column) {
    const float* product = row_of<const float>(p.product, row, p.product_stride) + column;
    const float* second = second_plane(p, product);
    Float4 sum = load_floats(product);
    if (second != nullptr) {
        const Float4 more = load_floats(second);
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            sum.v[i] += more.v[i];
        }
    }

    return sum;
}

SRV_DEVICE float bias_of(const srv_linear_params& p, int column) { return p.bias == 0 ? 0.0f : ptx::from_bf16(at<const uint16_t>(p.bias)[column]); }
