// A warp's work on one head: norm, rotation, one rounding, to bf16 or to integers, and where it goes.
//
// Order of a head's sum of squares: lane l adds elements l, l + 32, ..., one chain of fma; then the tree of warp_sum.
#pragma once
#include "../common/exponential.cuh"
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
    bool turned;           // whether the weight comes behind the rotation, which leaves the factor what it is
};

SRV_DEVICE float weight_at(const HeadTurn& by, int i) { return by.offset + ptx::from_bf16(by.norm[i]); }

SRV_DEVICE float normed(const float* x, int i, const HeadTurn& by) { return by.norm == nullptr ? x[i] : by.turned ? x[i] * by.factor : x[i] * by.factor * weight_at(by, i); }

SRV_DEVICE float weighed(float turned, int i, const HeadTurn& by) { return by.norm != nullptr && by.turned ? turned * weight_at(by, i) : turned; }

// What becomes of an element: it is rounded by itself,
struct RoundedElements {
    uint16_t* y;

    SRV_DEVICE void take(int i, float value) { y[i] = ptx::to_bf16(value); }
};

// or beside the head's largest magnitude, which is looked for first.
struct LargestElement {
    float magnitude;

    SRV_DEVICE void take(int, float value) { magnitude = ptx::maximum(magnitude, value < 0 ? -value : value); }
};

struct IntegerElements {
    int8_t* y;
    float factor;

    SRV_DEVICE void take(int i, float value) { y[i] = static_cast<int8_t>(static_cast<int>(nearest(value * factor))); }
};

SRV_DEVICE void find_factor(const float* x, HeadTurn& by, float epsilon, int head_size) {
    if (by.norm != nullptr) {
        float sum = 0;
        for (int i = static_cast<int>(ptx::lane()); i < head_size; i += 32) {
            sum = ptx::fma(x[i], x[i], sum);
        }

        by.factor = norm_factor(warp_sum(sum), head_size, epsilon);
    }
}

template <class Elements>
SRV_DEVICE void turn_head(const float* x, const HeadTurn& by, int head_size, int pairs, Elements& elements) {
    const int lane = static_cast<int>(ptx::lane());
    for (int i = lane; i < pairs; i += 32) {
        const Turned turned = turn(normed(x, i, by), normed(x, i + pairs, by), by.cosines[i], by.sines[i]);
        elements.take(i, weighed(turned.first, i, by));
        elements.take(i + pairs, weighed(turned.second, i + pairs, by));
    }

    // Elements that are not turned, where a model turns a part of its heads.
    for (int i = 2 * pairs + lane; i < head_size; i += 32) {
        elements.take(i, weighed(normed(x, i, by), i, by));
    }
}

// A largest magnitude below this counts as zero: the factor that spreads it over 127 steps would not be finite.
constexpr float kSmallestMagnitude = 1e-30f;

// Integers are the elements times 127 / the largest magnitude, the scale is that magnitude / 127: the CPU kernels' arithmetic. Elements are computed twice.
SRV_DEVICE void append_integers(const float* x, const HeadTurn& by, int head_size, int pairs, int8_t* y, float* scale) {
    LargestElement largest{0};
    turn_head(x, by, head_size, pairs, largest);
    const float magnitude = warp_max(largest.magnitude);
    IntegerElements integers{y, magnitude > kSmallestMagnitude ? ptx::div_rn(127.0f, magnitude) : 0.0f};
    turn_head(x, by, head_size, pairs, integers);
    if (ptx::lane() == 0) {
        *scale = ptx::div_rn(magnitude, 127.0f);
    }
}

// One head of a row's [q | k | v], x, to where it belongs.
template <class Pages>
SRV_DEVICE void rope_append_head(const srv_rope_append_params& p, const float* x, int row, int head) {
    const int64_t angle = static_cast<int64_t>(at<const int>(p.positions)[row]) * p.pair_count;
    HeadTurn by = {at<const uint16_t>(p.query_norm), at<const float>(p.cosines) + angle, at<const float>(p.sines) + angle, 1, p.query_offset, p.norms_turned != 0};
    if (head < p.head_count) {
        RoundedElements query{row_of<uint16_t>(p.output, row, p.output_stride) + head * p.head_size};
        find_factor(x, by, p.epsilon, p.head_size);
        turn_head(x, by, p.head_size, p.pair_count, query);
        return;
    }

    const int which = head < p.head_count + p.kv_head_count ? 0 : 1;
    const int kv_head = head - p.head_count - which * p.kv_head_count;
    const int page = at<const int>(p.append_pages)[row];
    const int slot = at<const int>(p.append_slots)[row];
    typename Pages::Element* first = page_head<Pages>(p.pages, p.page_bytes, page, p.layer, which, p.kv_head_count, kv_head, p.head_size);
    typename Pages::Element* y = first + slot * p.head_size;
    by.norm = which == 0 ? at<const uint16_t>(p.key_norm) : nullptr;
    by.offset = p.key_offset;
    if constexpr (Pages::kScale > 0) {
        find_factor(x, by, p.epsilon, p.head_size);
        append_integers(x, by, p.head_size, which == 0 ? p.pair_count : 0, y, scales_behind(first, p.head_size) + slot);
    } else if (which == 0) {
        RoundedElements rounded{y};
        find_factor(x, by, p.epsilon, p.head_size);
        turn_head(x, by, p.head_size, p.pair_count, rounded);
    } else {
        for (int i = static_cast<int>(ptx::lane()); i < p.head_size; i += 32) {
            y[i] = ptx::to_bf16(x[i]);
        }
    }
}
