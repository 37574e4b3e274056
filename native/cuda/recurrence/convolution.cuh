// A causal convolution of every column by itself over the last rows of a sequence, those of the steps before out of its state.
//
// Memory: a unit is a row and 256 columns, a column a thread, so that a row of a long prompt waits for no other; neighbouring threads read and write neighbouring floats. What the row before has read
// of the input is found in L2, at times in L1. The unit of a sequence's last row writes the new state, which is the taps it has just read.
// Bytes per row and column: 4 read of the input from memory and 4 * taps from L2, 4 written; 4 * taps of weights stay in L1 and L2; per sequence and column 4 * (taps - 1) of state read and written.
// Operations: 2 * taps, and about 20 of SiLU.
// Order: a chain of fma from zero, the oldest tap first; then the bias. Where a tap comes from, input or state, does not change its bits.
#pragma once
#include "../silu_mul/silu.cuh"
#include "state.cuh"

// A tap of a row: an input of this step, of the state, or zero before the first token. back rows before the row, which is number place of its sequence's.
SRV_DEVICE float tap_of(const srv_convolution_params& p, const float* own, const srv_sequence& sequence, int place, int back, int column) {
    if (back <= place) {
        return own[-static_cast<int64_t>(back) * p.input_stride];
    }

    const int row = p.taps - 1 - (back - place);
    return sequence.state_read < 0 ? 0.0f : StateWalk(p.state, sequence.state_read, row * p.columns + column).here();
}

SRV_DEVICE void convolve(const srv_convolution_params& p, int row, int column) {
    const srv_sequence sequence = at<const srv_sequence>(p.state.sequences)[at<const int>(p.row_sequences)[row]];
    const float* own = row_of<const float>(p.input, row, p.input_stride) + column;
    const float* weight = at<const float>(p.weight) + column;
    const int place = row - sequence.first_row;
    const bool is_last = place + 1 == sequence.row_count;
    float sum = 0;
    for (int first = 0; first < p.taps; first += 4) {
        // Four at a time are under way together.
        float x[4], w[4];
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            const int tap = first + i;
            x[i] = tap < p.taps ? tap_of(p, own, sequence, place, p.taps - 1 - tap, column) : 0.0f;
            w[i] = tap < p.taps ? weight[static_cast<int64_t>(tap) * p.columns] : 0.0f;
        }

        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            const int tap = first + i;
            sum = tap < p.taps ? ptx::fma(w[i], x[i], sum) : sum;
            if (is_last && tap > 0 && tap < p.taps) {
                StateWalk(p.state, sequence.state_write, (tap - 1) * p.columns + column).here() = x[i];
            }
        }
    }

    sum = p.bias == 0 ? sum : sum + at<const float>(p.bias)[column];
    row_of<float>(p.output, row, p.output_stride)[column] = p.silu ? gated(sum, sum) : sum;
}

SRV_KERNEL(srv_convolution, srv_convolution_params, 256) {
    constexpr int kColumns = 256;
    const int chunks = ceil_div(p.columns, kColumns);
    const int units = count_at(p.row_count) * chunks;
    for (int unit = static_cast<int>(ptx::block_index()); unit < units; unit += static_cast<int>(ptx::block_count())) {
        const int column = unit % chunks * kColumns + static_cast<int>(ptx::thread_index());
        if (column < p.columns) {
            convolve(p, unit / chunks, column);
        }
    }
}
