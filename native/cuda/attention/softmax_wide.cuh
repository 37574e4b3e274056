// Softmax of a tile of 64 tokens at once. What the outputs need (rescale_if_risen) comes after it, when products have let go of the registers.
#pragma once
#include "softmax.cuh"

// The unscaled scores of the tokens from `first` on become P, those that a row does not see nothing. `scales` is the lane's place in the tile's scales, keys' before values'.
template <class Pages, bool Windowed, int Groups>
SRV_DEVICE void soften_tile(
    const srv_attention_params& p, const LaneRows& rows, int first, float scale, const float* scales, float (&scores)[8][4], Accumulator<Groups>& state, float (&factor)[2]) {
    scale_tokens<Pages>(scores, scales);
    bound_scores<Windowed>(p, scores);
    const int window = window_of(p);
    if (rows.hides<Windowed>(window, first, first + kTileTokens - 1)) {
        hide<Windowed>(scores, rows.sees, window, first);
    }

    soften_scores(scores, scale, state, factor);
    scale_tokens<Pages>(scores, scales + kTileTokens);
}
