// Softmax of 64 tokens at once on fragments, in two halves: what the outputs need comes after them, when products have let go of the registers.
#pragma once
#include "softmax.cuh"

// The scores of tokens that a row does not see become nothing.
SRV_DEVICE void hide_tile(float (&scores)[8][4], const int (&sees)[2], int first) {
    const int column = first + static_cast<int>(ptx::lane()) % 4 * 2;
    SRV_UNROLL
    for (int j = 0; j < 8; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            scores[j][i] = column + 8 * j + i % 2 <= sees[i / 2] ? scores[j][i] : kNoScore;
        }
    }
}

// The unscaled scores of 64 tokens from `first` on → P in their place; maximum and sum go on with them, and `factor` is what the outputs have to be multiplied by.
// P = 2^(score scale - maximum scale), the product and the difference in one rounding. A tile that a row does not see leaves its state as it is.
template <int Groups>
SRV_DEVICE void soften_tile(const LaneRows& rows, int first, float scale, float (&scores)[8][4], Accumulator<Groups>& state, float (&factor)[2]) {
    if (first + kTileTokens - 1 > rows.least) {
        hide_tile(scores, rows.sees, first);
    }

    float base[2];
    SRV_UNROLL
    for (int r = 0; r < 2; r++) {
        float most = ptx::maximum(scores[0][2 * r], scores[0][2 * r + 1]);
        SRV_UNROLL
        for (int j = 1; j < 8; j++) {
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
    for (int j = 0; j < 8; j++) {
        SRV_UNROLL
        for (int i = 0; i < 4; i++) {
            scores[j][i] = ptx::exp2_approx(ptx::fma(scores[j][i], scale, base[i / 2]));
            state.sum[i / 2] += scores[j][i];
        }
    }
}

// P, rounded, as first operands over 16 tokens each.
SRV_DEVICE void pack_weights(const float (&scores)[8][4], uint32_t (&weights)[4][4]) {
    SRV_UNROLL
    for (int j = 0; j < 8; j++) {
        weights[j / 2][j % 2 * 2] = ptx::to_bf16x2(scores[j][0], scores[j][1]);
        weights[j / 2][j % 2 * 2 + 1] = ptx::to_bf16x2(scores[j][2], scores[j][3]);
    }
}

// Maxima seldom rise once a few tiles are seen: most of the time a whole warp's factors are one.
template <int Groups>
SRV_DEVICE void rescale_if_risen(Accumulator<Groups>& state, const float (&factor)[2]) {
    if (!ptx::all(factor[0] == 1.0f && factor[1] == 1.0f)) {
        state.rescale(factor);
    }
}
