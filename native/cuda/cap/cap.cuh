// values = cap tanh((values + bias) scale / cap), in place, or (values + bias) scale without a cap: the logits of models that bound, divide or shift them.
//
// Memory: 16 bytes per thread, read and written.
// Bytes per element: 8. Operations: about 25.
#pragma once
#include "../common/exponential.cuh"

SRV_DEVICE float scaled_and_capped(float x, const srv_cap_params& p, int column) {
    const float shifted = p.bias == 0 ? x : x + ptx::from_bf16(at<const uint16_t>(p.bias)[column]);
    return p.cap > 0 ? capped(shifted * p.scale, p.cap) : shifted * p.scale;
}

SRV_KERNEL(srv_cap, srv_cap_params, 256) {
    const int rows = count_at(p.row_count);
    const int chunks = ceil_div(p.columns, 1024);
    for (int unit = static_cast<int>(ptx::block_index()); unit < rows * chunks; unit += static_cast<int>(ptx::block_count())) {
        float* x = row_of<float>(p.values, unit / chunks, p.stride);
        const int k = unit % chunks * 1024 + static_cast<int>(ptx::thread_index()) * 4;
        if (k + 4 <= p.columns) {
            const Float4 v = load_floats(x + k);
            store_floats(x + k, {{scaled_and_capped(v.v[0], p, k), scaled_and_capped(v.v[1], p, k + 1), scaled_and_capped(v.v[2], p, k + 2), scaled_and_capped(v.v[3], p, k + 3)}});
        } else {
            for (int i = k; i < p.columns; i++) {
                x[i] = scaled_and_capped(x[i], p, i);
            }
        }
    }
}
