// output = round(activation(gate) * up * factor) in fp32 on bf16 inputs that lie side by side.
//
// Memory: a unit is a row and 2,048 columns, 8 bytes per thread and step from both halves.
// Bytes per column: 4 read, 2 written. Operations: about 20, most of them the exponential.
#pragma once
#include "silu.cuh"

SRV_DEVICE void silu_mul_columns(const srv_silu_mul_params& p, const uint16_t* gate, const uint16_t* up, float factor, uint16_t* y, int first, int end) {
    for (int k = first + static_cast<int>(ptx::thread_index()) * 4; k < end; k += 1024) {
        if (k + 4 <= end && (reinterpret_cast<uint64_t>(up) & 7) == 0) {
            const Float4 g = load_widened(gate + k);
            const Float4 u = load_widened(up + k);
            Float4 activated;
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                activated.v[i] = gate_times(g.v[i], u.v[i], p.activation, p.limit) * factor;
            }

            store_rounded(y + k, activated);
        } else {
            // The last columns, or a width that is no multiple of four, where up's row is not aligned.
            for (int i = k; i < smaller(k + 4, end); i++) {
                y[i] = ptx::to_bf16(gate_times(ptx::from_bf16(gate[i]), ptx::from_bf16(up[i]), p.activation, p.limit) * factor);
            }
        }
    }
}

SRV_KERNEL(srv_silu_mul, srv_silu_mul_params, 256) {
    constexpr int kColumns = 2048;
    const int chunks = ceil_div(p.columns, kColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int row = unit / chunks;
        const int first = unit % chunks * kColumns;
        const uint16_t* gate = row_of<const uint16_t>(p.input, row, p.input_stride);
        const float factor = p.factor == 0 ? 1.0f : gated(1.0f, *row_of<const float>(p.factor, row, p.factor_stride));
        silu_mul_columns(p, gate, gate + p.columns, factor, row_of<uint16_t>(p.output, row, p.output_stride), first, smaller(first + kColumns, p.columns));
    }
}
