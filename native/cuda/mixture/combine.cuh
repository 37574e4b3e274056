// output[row] += Σ weight · input[place] over the row's choices: the experts' answers, back onto the residual stream; or = that sum, a rank's part of it.
//
// Memory: a block per row and 1,024 columns, 16 bytes per thread and choice, four choices asked for together.
// Bytes per row and column: 4 read per choice, 8 for the residual stream (4 for a part). Operations: 2 per choice.
// Order: from zero, in the order of choices, fused; then output + sum.
#pragma once
#include "choices.cuh"

constexpr int kCombineColumns = 1024;
constexpr int kCombineAhead = 4;

SRV_DEVICE Float4 sum_choices(const srv_combine_params& p, int row, int column) {
    const srv_mixture& mixture = p.mixture;
    const int64_t first = static_cast<int64_t>(row) * mixture.choice_count;
    Float4 sum = {{0, 0, 0, 0}};
    for (int begin = 0; begin < mixture.choice_count; begin += kCombineAhead) {
        Float4 parts[kCombineAhead];
        SRV_UNROLL
        for (int i = 0; i < kCombineAhead; i++) {
            // Behind the last choice the last one again, which counts for nothing.
            const int64_t number = first + smaller(begin + i, mixture.choice_count - 1);
            parts[i] = load_floats(row_of<const float>(p.input, at<const int>(mixture.places)[number], p.input_stride) + column);
        }

        SRV_UNROLL
        for (int i = 0; i < kCombineAhead; i++) {
            if (begin + i < mixture.choice_count) {
                const float weight = at<const float>(mixture.weights)[first + begin + i];
                SRV_UNROLL
                for (int j = 0; j < 4; j++) {
                    sum.v[j] = ptx::fma(weight, parts[i].v[j], sum.v[j]);
                }
            }
        }
    }

    return sum;
}

SRV_KERNEL(srv_combine, srv_combine_params, 256) {
    const int chunks = ceil_div(p.columns, kCombineColumns);
    const int units = count_at(p.mixture.row_count) * chunks;
    ptx::await_producers();
    ptx::release_dependents();
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int row = unit / chunks;
        const int column = unit % chunks * kCombineColumns + static_cast<int>(ptx::thread_index()) * 4;
        if (column >= p.columns) {
            continue;
        }

        // Rows are padded to whole groups of eight, which hold nothing but are there.
        Float4 sum = sum_choices(p, row, column);
        float* to = row_of<float>(p.output, row, p.output_stride) + column;
        if (p.accumulate != 0) {
            const Float4 x = load_floats(to);
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                sum.v[i] = x.v[i] + sum.v[i];
            }
        }

        store_floats(to, sum);
    }
}
