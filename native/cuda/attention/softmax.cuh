// Softmax on fragments: lane 4 g + t holds, of rows g and g + 8, elements 2 t and 2 t + 1 of every group of eight.
//
// Windowed, here and in the kernels, is what a kernel was compiled for: with it they know windows, bounded scores and sinks; without it none of that is in their code. Pages is
// how keys and values are kept. Of integers a lane's outputs are others: elements 4 t to 4 t + 3 of every sixteen, the even ones in one group of eight, the odd ones in the next
// (integers.cuh).
#pragma once
#include "items.cuh"

constexpr float kLog2E = 1.4426950408889634f;

// The softmax state of two rows, and `Groups` groups of eight output elements of them.
template <int Groups>
struct Accumulator {
    float maximum[2];  // of the unscaled scores, until finish
    float sum[2];      // this lane's part, until finish
    float output[Groups][4];

    SRV_DEVICE void clear() {
        SRV_UNROLL
        for (int r = 0; r < 2; r++) {
            maximum[r] = kNoScore;
            sum[r] = 0;
        }

        SRV_UNROLL
        for (int j = 0; j < Groups; j++) {
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                output[j][i] = 0;
            }
        }
    }

    // Ends a split: the sum over the four lanes of a row, the maximum as a score.
    SRV_DEVICE void finish(float scale) {
        SRV_UNROLL
        for (int r = 0; r < 2; r++) {
            maximum[r] *= scale;
            sum[r] += ptx::shuffle_xor(sum[r], 1);
            sum[r] += ptx::shuffle_xor(sum[r], 2);
        }
    }

    SRV_DEVICE void rescale(const float (&factor)[2]) {
        SRV_UNROLL
        for (int j = 0; j < Groups; j++) {
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                output[j][i] *= factor[i / 2];
            }
        }
    }

    // Folds a split in; splits come in ascending order. The operations of merge_split in attention_plain.cuh, so that it does not matter who merges.
    SRV_DEVICE void merge(const Accumulator& split) {
        SRV_UNROLL
        for (int r = 0; r < 2; r++) {
            // A row that saw nothing of the split leaves no trace.
            const bool empty = split.maximum[r] == kNoScore;
            const MergeFactors by = merge_factors(maximum[r], empty ? maximum[r] : split.maximum[r]);
            if (!empty) {
                maximum[r] = by.maximum;
                sum[r] = ptx::fma(split.sum[r], by.now, sum[r] * by.before);
            }

            SRV_UNROLL
            for (int j = 0; j < Groups; j++) {
                SRV_UNROLL
                for (int i = 2 * r; i < 2 * r + 2; i++) {
                    output[j][i] = empty ? output[j][i] : ptx::fma(split.output[j][i], by.now, output[j][i] * by.before);
                }
            }
        }
    }
};

SRV_DEVICE float row_max(float x) {
    x = ptx::maximum(x, ptx::shuffle_xor(x, 1));
    return ptx::maximum(x, ptx::shuffle_xor(x, 2));
}

// Ordinals that a row sees, its own the last.
SRV_DEVICE int window_of(const srv_attention_params& p) { return p.window == 0 ? 0x7fffffff : p.window; }

// What softmax multiplies scores by: bounded ones are scaled already.
template <bool Windowed>
SRV_DEVICE float softmax_scale(const srv_attention_params& p) {
    return Windowed && p.cap > 0 ? 1.0f : p.scale;
}

// Unscaled scores become bounded ones, where there is a bound.
template <bool Windowed, int Columns>
SRV_DEVICE void bound_scores(const srv_attention_params& p, float (&scores)[Columns][4]) {
    if (Windowed && p.cap > 0) {
        SRV_UNROLL
        for (int j = 0; j < Columns; j++) {
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                scores[j][i] = capped(scores[j][i] * p.scale, p.cap);
            }
        }
    }
}

// The scores of tokens that a row does not see become nothing. In a window lies what is less than its length before the row's own token: behind that the difference is negative, which
// is more than any length.
template <bool Windowed, int Columns>
SRV_DEVICE void hide(float (&scores)[Columns][4], const int (&sees)[2], int window, int first) {
    const int column = first + static_cast<int>(ptx::lane()) % 4 * 2;
    SRV_UNROLL
    for (int j = 0; j < Columns; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            const bool is_seen = Windowed ? static_cast<uint32_t>(sees[i / 2] - column - 8 * j - i % 2) < static_cast<uint32_t>(window) : column + 8 * j + i % 2 <= sees[i / 2];
            scores[j][i] = is_seen ? scores[j][i] : kNoScore;
        }
    }
}

// The unscaled scores of 8 tokens per column → P in their place; maximum and sum go on with them, and `factor` is what the outputs have to be multiplied by. `scale`
// is the scale of scores times log2 e: P = 2^(score scale - maximum scale), the product and the difference in one rounding. Tokens that a row does not see leave
// its state as it is.
template <int Columns, int Groups>
SRV_DEVICE void soften_scores(float (&scores)[Columns][4], float scale, Accumulator<Groups>& state, float (&factor)[2]) {
    float base[2];
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        float most = ptx::maximum(scores[0][2 * r], scores[0][2 * r + 1]);
        SRV_UNROLL
        for (int j = 1; j < Columns; j++) {
            most = ptx::maximum(ptx::maximum(most, scores[j][2 * r]), scores[j][2 * r + 1]);
        }

        const float maximum = ptx::maximum(row_max(most), state.maximum[r]);
        // Differences come first, so that a maximum that stays gives a factor of exactly one.
        base[r] = maximum == kNoScore ? 0.0f : maximum * -scale;
        factor[r] = maximum == kNoScore ? 1.0f : ptx::exp2_approx((state.maximum[r] - maximum) * scale);
        state.maximum[r] = maximum;
        state.sum[r] *= factor[r];
    }

    SRV_UNROLL
    for (int j = 0; j < Columns; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            scores[j][i] = ptx::exp2_approx(ptx::fma(scores[j][i], scale, base[i / 2]));
            state.sum[i / 2] += scores[j][i];
        }
    }
}

// Scores, or P, times what the tokens' integers stand for; `scales` is the lane's place of the first token. Of bf16 nothing.
template <class Pages, int Columns>
SRV_DEVICE void scale_tokens(float (&scores)[Columns][4], const float* scales) {
    if constexpr (Pages::kScale > 0) {
        SRV_UNROLL
        for (int j = 0; j < Columns; j++) {
            const ptx::Vec2 pair = ptx::load_8(scales + 8 * j);
            SRV_UNROLL
            for (int i = 0; i < 4; i++) {
                scores[j][i] *= ptx::as_float(i % 2 == 0 ? pair.x : pair.y);
            }
        }
    }
}

// Where a lane's scales are, of those of a tile.
SRV_DEVICE const float* lane_scales(const uint8_t* scales) { return reinterpret_cast<const float*>(scales) + static_cast<int>(ptx::lane()) % 4 * 2; }

// P, rounded, as first operands over 16 tokens each.
template <int Columns>
SRV_DEVICE void pack_weights(const float (&scores)[Columns][4], uint32_t (&weights)[Columns / 2][4]) {
    SRV_UNROLL
    for (int j = 0; j < Columns; j++) {
        weights[j / 2][j % 2 * 2] = ptx::to_bf16x2(scores[j][0], scores[j][1]);
        weights[j / 2][j % 2 * 2 + 1] = ptx::to_bf16x2(scores[j][2], scores[j][3]);
    }
}

// Maxima seldom rise once a few blocks are seen: most of the time a whole warp's factors are one.
template <int Groups>
SRV_DEVICE void rescale_if_risen(Accumulator<Groups>& state, const float (&factor)[2]) {
    if (!ptx::all(factor[0] == 1.0f && factor[1] == 1.0f)) {
        state.rescale(factor);
    }
}

// A block of 32 tokens as a whole; the sum is of what is not scaled.
template <class Pages, int Groups>
SRV_DEVICE void soften(float (&scores)[4][4], float scale, const float* value_scales, Accumulator<Groups>& state, uint32_t (&weights)[2][4]) {
    float factor[2];
    soften_scores(scores, scale, state, factor);
    scale_tokens<Pages>(scores, value_scales);
    pack_weights(scores, weights);
    rescale_if_risen(state, factor);
}

// The two rows of a lane.
struct LaneRows {
    PackedRow row[2];
    int ordinal[2];  // -1 behind the item's last row
    int sees[2];     // the last ordinal that is not hidden: all where there is no row, as nobody reads what it gives
    int least, last; // the least of sees and the largest ordinal of the warp

    // Whether some row of the warp does not see some of the tokens from `begin` to `last_token`.
    template <bool Windowed>
    SRV_DEVICE bool hides(int window, int begin, int last_token) const {
        return last_token > least || (Windowed && begin <= last - window);
    }
};

template <bool Least>
SRV_DEVICE int over_warp(int x) {
    SRV_UNROLL
    for (uint32_t by = 1; by <= 16; by *= 2) {
        const int other = ptx::shuffle_xor(x, by);
        x = Least ? smaller(x, other) : larger(x, other);
    }

    return x;
}

SRV_DEVICE LaneRows lane_rows(const srv_attention_params& p, const srv_attention_item& item, int first_packed, int kv_head) {
    const int packed_rows = item.row_count * (p.head_count / p.kv_head_count);
    LaneRows rows;
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        const int packed = first_packed + static_cast<int>(ptx::lane()) / 4 + 8 * r;
        rows.row[r] = packed_row(p, item, packed < packed_rows ? packed : 0, kv_head);
        rows.ordinal[r] = packed < packed_rows ? rows.row[r].ordinal : -1;
        rows.sees[r] = packed < packed_rows ? rows.row[r].ordinal : 0x7fffffff;
    }

    rows.least = over_warp<true>(smaller(rows.sees[0], rows.sees[1]));
    rows.last = over_warp<false>(larger(rows.ordinal[0], rows.ordinal[1]));
    return rows;
}

// A head's sink joins the softmax behind the last split: the operations of merge_sink in attention_plain.cuh.
template <int Groups>
SRV_DEVICE void merge_sinks(const srv_attention_params& p, const LaneRows& rows, Accumulator<Groups>& merged) {
    if (p.sinks == 0) {
        return;
    }

    float before[2];
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        const MergeFactors by = merge_factors(merged.maximum[r], ptx::from_bf16(at<const uint16_t>(p.sinks)[rows.row[r].head]));
        merged.maximum[r] = by.maximum;
        merged.sum[r] = ptx::fma(merged.sum[r], by.before, by.now);
        before[r] = by.before;
    }

    merged.rescale(before);
}

// A lane's pairs of neighbouring elements, one for each of its groups: where they lie behind its first one, which lanes have side by side, and the low or high element of row r.
template <class Pages>
constexpr int kLaneElements = Pages::kScale > 0 ? 4 : 2;

template <class Pages>
SRV_DEVICE constexpr int pair_offset(int j) {
    return Pages::kScale > 0 ? j / 2 * 16 + j % 2 * 2 : 8 * j;
}

template <class Pages, int Groups>
SRV_DEVICE float element_of(const float (&output)[Groups][4], int j, int r, int high) {
    return Pages::kScale > 0 ? output[j / 2 * 2 + high][2 * r + j % 2] : output[j][2 * r + high];
}

// Writes `Groups` groups of eight elements from element on of both rows.
template <class Pages, int Groups>
SRV_DEVICE void write_rows(const srv_attention_params& p, const LaneRows& rows, const Accumulator<Groups>& merged, int element) {
    const int column = element + static_cast<int>(ptx::lane()) % 4 * kLaneElements<Pages>;
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        uint16_t* output = row_of<uint16_t>(p.output, rows.row[r].row, p.output_stride) + rows.row[r].head * p.head_size + column;
        SRV_UNROLL
        for (int j = 0; j < Groups; j++) {
            if (rows.ordinal[r] < 0) {
                continue;
            }

            const float low = ptx::div_rn(element_of<Pages>(merged.output, j, r, 0), merged.sum[r]);
            const float high = ptx::div_rn(element_of<Pages>(merged.output, j, r, 1), merged.sum[r]);
            *reinterpret_cast<uint32_t*>(output + pair_offset<Pages>(j)) = ptx::to_bf16x2(low, high);
        }
    }
}

// Writes the state of a split for the rows that see some of it.
template <class Pages, int Groups>
SRV_DEVICE void write_states(const srv_attention_params& p, const LaneRows& rows, const Accumulator<Groups>& state, int split, int element) {
    const int t = static_cast<int>(ptx::lane()) % 4;
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        if (rows.ordinal[r] < split * SRV_ATTENTION_SPLIT) {
            continue;
        }

        float* to = state_of(p, at<const int>(p.row_partials)[rows.row[r].row] + split, rows.row[r].head);
        if (element == 0 && t == 0) {
            to[0] = state.maximum[r];
            to[1] = state.sum[r];
        }

        SRV_UNROLL
        for (int j = 0; j < Groups; j++) {
            to[4 + element + pair_offset<Pages>(j) + kLaneElements<Pages> * t] = element_of<Pages>(state.output, j, r, 0);
            to[4 + element + pair_offset<Pages>(j) + kLaneElements<Pages> * t + 1] = element_of<Pages>(state.output, j, r, 1);
        }
    }
}
