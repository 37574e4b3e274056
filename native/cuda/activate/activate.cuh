// output = round(activation(input)) in fp32 on bf16 inputs: an MLP without a gate.
//
// Memory: a unit is a row and 2,048 columns, 8 bytes per thread and step.
// Bytes per column: 2 read, 2 written. Operations: about 20 for GELU, most of them the exponential; 2 for a squared ReLU.
#pragma once
#include "../layer_norm/params.h"
#include "../silu_mul/silu.cuh"

// e^x - 1 of x up to 0: from -1/2 on by its Taylor polynomial of degree 9, as 1 is lost from e^x there. The CPU kernels' arithmetic.
SRV_DEVICE float exponential_less_one(float x) {
    if (x < -0.5f) {
        return exponential(x) - 1.0f;
    }

    float p = 1.0f / 9;
    SRV_UNROLL
    for (int k = 8; k > 1; k--) {
        p = ptx::fma(x * p, 1.0f / static_cast<float>(k), 1.0f / static_cast<float>(k));
    }

    return ptx::fma(x * p, x, x);
}

// xIELU's numbers of a layer.
struct XIelu {
    float p, n, b, m;

    SRV_DEVICE float of(float x) const {
        const float part = x > 0 ? x * x * p : (exponential_less_one(x < m ? x : m) - x) * (b + n);
        return part + x * b;
    }
};

SRV_DEVICE XIelu numbers_of(const srv_activate_params& p) {
    if (p.activation != SRV_MLP_XIELU) {
        return {};
    }

    const Float4 v = load_widened(at<const uint16_t>(p.numbers));
    return {v.v[0], v.v[1], v.v[2], v.v[3]};
}

SRV_DEVICE float mlp_activation(float x, int activation, const XIelu& numbers) {
    if (activation == SRV_MLP_GELU) {
        return activation_of(x, SRV_GATE_GELU);
    }

    const float positive = x > 0 ? x : 0;
    return activation == SRV_MLP_SQUARED_RELU ? positive * positive : numbers.of(x);
}

SRV_KERNEL(srv_activate, srv_activate_params, 256) {
    constexpr int kColumns = 2048;
    const XIelu numbers = numbers_of(p);
    const int chunks = ceil_div(p.columns, kColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const uint16_t* x = row_of<const uint16_t>(p.input, unit / chunks, p.input_stride);
        uint16_t* y = row_of<uint16_t>(p.output, unit / chunks, p.output_stride);
        const int end = smaller((unit % chunks + 1) * kColumns, p.columns);
        for (int k = unit % chunks * kColumns + static_cast<int>(ptx::thread_index()) * 4; k < end; k += 1024) {
            if (k + 4 <= end) {
                Float4 v = load_widened(x + k);
                SRV_UNROLL
                for (int i = 0; i < 4; i++) {
                    v.v[i] = mlp_activation(v.v[i], p.activation, numbers);
                }

                store_rounded(y + k, v);
            } else {
                for (int i = k; i < end; i++) {
                    y[i] = ptx::to_bf16(mlp_activation(ptx::from_bf16(x[i]), p.activation, numbers));
                }
            }
        }
    }
}
