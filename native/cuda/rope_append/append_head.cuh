// A warp's work on one head: norm, rotation, one rounding, and where it goes.
//
// Order of a head's sum of squares: lane l adds elements l, l + 32, ..., one chain of fma; then the tree of warp_sum.
#pragma once
#include "../common/norm.cuh"
#include "../common/pages.cuh"
#include "../common/reduce.cuh"
#include "rotate.cuh"

struct HeadTurn {
    const uint16_t* norm;  // or null
    const float* cosines;
    const float* sines;
    float factor;          // of the norm
    float offset;          // of its weight
};

SRV_DEVICE float normed(const float* x, int i, const HeadTurn& by) { return by.norm == nullptr ? x[i] : x[i] * by.factor * (by.offset + ptx::from_bf16(by.norm[i])); }

SRV_DEVICE void turn_head(const float* x, HeadTurn by, float epsilon, int head_size, int pairs, uint16_t* y) {
    const int lane = static_cast<int>(ptx::lane());
    if (by.norm != nullptr) {
        float sum = 0;
        for (int i = lane; i < head_size; i += 32) {
            sum = ptx::fma(x[i], x[i], sum);
        }

        by.factor = norm_factor(warp_sum(sum), head_size, epsilon);
    }

    for (int i = lane; i < pairs; i += 32) {
        const Turned turned = turn(normed(x, i, by), normed(x, i + pairs, by), by.cosines[i], by.sines[i]);
        y[i] = ptx::to_bf16(turned.first);
        y[i + pairs] = ptx::to_bf16(turned.second);
    }

    // Elements that are not turned, where a model turns a part of its heads.
    for (int i = 2 * pairs + lane; i < head_size; i += 32) {
        y[i] = ptx::to_bf16(normed(x, i, by));
    }
}

// One head of a row's [q | k | v], x, to where it belongs.
SRV_DEVICE void rope_append_head(const srv_rope_append_params& p, const float* x, int row, int head) {
    const int64_t angle = static_cast<int64_t>(at<const int>(p.positions)[row]) * p.pair_count;
    HeadTurn by = {at<const uint16_t>(p.query_norm), at<const float>(p.cosines) + angle, at<const float>(p.sines) + angle, 1, p.query_offset};
    if (head < p.head_count) {
        turn_head(x, by, p.epsilon, p.head_size, p.pair_count, row_of<uint16_t>(p.output, row, p.output_stride) + head * p.head_size);
        return;
    }

    const int which = head < p.head_count + p.kv_head_count ? 0 : 1;
    const int kv_head = head - p.head_count - which * p.kv_head_count;
    const int page = at<const int>(p.append_pages)[row];
    const int slot = at<const int>(p.append_slots)[row];
    uint16_t* y = page_head(p.pages, p.page_bytes, page, p.layer, which, p.kv_head_count, kv_head, p.head_size) + slot * p.head_size;
    if (which == 0) {
        by.norm = at<const uint16_t>(p.key_norm);
        by.offset = p.key_offset;
        turn_head(x, by, p.epsilon, p.head_size, p.pair_count, y);
    } else {
        for (int i = static_cast<int>(ptx::lane()); i < p.head_size; i += 32) {
            y[i] = ptx::to_bf16(x[i]);
        }
    }
}
