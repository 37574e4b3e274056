// Attention for any even head size up to 256, without tensor cores: the arithmetic that the others are held to.
//
// Memory: a block per item and kv head; a warp takes one packed row after the other. A lane reads the key of its own ordinal of a block of 32, then all lanes
// read the values of one ordinal after the other, 4 bytes each. Keys and values are read again for every packed row.
// Bytes per row, head and token: 4 head_size + 4. Operations: 4 head_size.
// Order: a score is one chain of fma over the elements; the block's sum of exponentials is the tree of warp_sum; an output element is one chain of fma over the
// ordinals of a split, rescaled before a block that raises the maximum; splits are merged in ascending order, a sink behind them.
#pragma once
#include "../common/reduce.cuh"
#include "items.cuh"

constexpr int kLanePairs = SRV_MAX_HEAD_SIZE / 64;

// Lane l holds elements 2 l, 2 l + 1, 64 + 2 l, ...
struct RowState {
    float maximum, sum;
    float output[2 * kLanePairs];
};

SRV_DEVICE RowState empty_state() {
    RowState state;
    state.maximum = kNoScore;
    state.sum = 0;
    for (int i = 0; i < 2 * kLanePairs; i++) {
        state.output[i] = 0;
    }

    return state;
}

// Two neighbouring elements.
struct FloatPair {
    float low, high;
};

SRV_DEVICE FloatPair load_pair(const uint16_t* from) {
    const uint32_t pair = *reinterpret_cast<const uint32_t*>(from);
    return {ptx::low_bf16(pair), ptx::high_bf16(pair)};
}

SRV_DEVICE FloatPair load_pair(const int8_t* from) {
    const uint16_t pair = *reinterpret_cast<const uint16_t*>(from);
    return {static_cast<float>(static_cast<int8_t>(pair & 0xff)), static_cast<float>(static_cast<int8_t>(pair >> 8))};
}

template <class Element>
SRV_DEVICE float score_of(const uint16_t* query, const Element* key, int head_size) {
    float score = 0;
    for (int d = 0; d < head_size; d += 2) {
        const FloatPair q = load_pair(query + d);
        const FloatPair k = load_pair(key + d);
        score = ptx::fma(q.low, k.low, score);
        score = ptx::fma(q.high, k.high, score);
    }

    return score;
}

// A score as softmax takes it.
SRV_DEVICE float softmax_score(const srv_attention_params& p, float score) { return p.cap > 0 ? capped(score * p.scale, p.cap) : score * p.scale; }

// Adds the tokens of a block from `from` to before `valid`, one at least; lane l has token l's slot.
template <class Pages>
SRV_DEVICE void attend_block(const srv_attention_params& p, const SlotReader<Pages>& slots, const uint16_t* query, int slot, int from, int valid, RowState& state) {
    const int lane = static_cast<int>(ptx::lane());
    const bool is_seen = lane >= from && lane < valid;
    float score = is_seen ? score_of(query, slots.key(slot), slots.head_size) : 0.0f;
    if constexpr (Pages::kScale > 0) {
        score *= is_seen ? *slots.scale(slot, 0) : 0.0f;
    }

    score = is_seen ? softmax_score(p, score) : kNoScore;
    const float most = warp_max(score);
    const float maximum = most > state.maximum ? most : state.maximum;
    const float factor = exponential(state.maximum - maximum);
    const float weight = exponential(score - maximum);
    state.maximum = maximum;
    state.sum = state.sum * factor + warp_sum(weight);
    for (int i = 0; i < 2 * kLanePairs; i++) {
        state.output[i] *= factor;
    }

    float weighed = weight;
    if constexpr (Pages::kScale > 0) {
        weighed *= is_seen ? *slots.scale(slot, 1) : 0.0f;
    }

    const float rounded = ptx::from_bf16(ptx::to_bf16(weighed));
    for (int token = from; token < valid; token++) {
        const float w = ptx::shuffle_index(rounded, token);
        const typename Pages::Element* value = slots.value(ptx::shuffle_index(slot, token));
        for (int i = 0; i < kLanePairs && 2 * lane + 64 * i < slots.head_size; i++) {
            const FloatPair pair = load_pair(value + 2 * lane + 64 * i);
            state.output[2 * i] = ptx::fma(w, pair.low, state.output[2 * i]);
            state.output[2 * i + 1] = ptx::fma(w, pair.high, state.output[2 * i + 1]);
        }
    }
}

// The first ordinal that a row sees.
SRV_DEVICE int oldest_of(const srv_attention_params& p, int ordinal) { return p.window == 0 ? 0 : larger(0, ordinal + 1 - p.window); }

// Blocks are counted from ordinal 0 whatever the window: those before it are passed over, of the one that it begins in the tokens before it are masked.
template <class Pages>
SRV_DEVICE RowState attend_split(const srv_attention_params& p, const SlotReader<Pages>& slots, const int* token_slots, const uint16_t* query, int split, int ordinal) {
    RowState state = empty_state();
    const int oldest = oldest_of(p, ordinal);
    const int begin = larger(split * SRV_ATTENTION_SPLIT, oldest / SRV_ATTENTION_BLOCK * SRV_ATTENTION_BLOCK);
    const int end = smaller((split + 1) * SRV_ATTENTION_SPLIT, ordinal + 1);
    for (int first = begin; first < end; first += SRV_ATTENTION_BLOCK) {
        const int valid = smaller(SRV_ATTENTION_BLOCK, end - first);
        const int lane = static_cast<int>(ptx::lane());
        attend_block(p, slots, query, lane < valid ? token_slots[first + lane] : 0, larger(0, oldest - first), valid, state);
    }

    return state;
}

// A split of which the row sees nothing, as it lies before its window, leaves no trace.
SRV_DEVICE void merge_split(const RowState& split, RowState& merged) {
    if (split.maximum == kNoScore) {
        return;
    }

    const MergeFactors by = merge_factors(merged.maximum, split.maximum);
    merged.maximum = by.maximum;
    merged.sum = ptx::fma(split.sum, by.now, merged.sum * by.before);
    for (int i = 0; i < 2 * kLanePairs; i++) {
        merged.output[i] = ptx::fma(split.output[i], by.now, merged.output[i] * by.before);
    }
}

// A head's sink joins the softmax behind the last split, like a token whose value is nothing.
SRV_DEVICE void merge_sink(const srv_attention_params& p, int head, RowState& merged) {
    if (p.sinks != 0) {
        const float sink = ptx::from_bf16(at<const uint16_t>(p.sinks)[head]);
        const MergeFactors by = merge_factors(merged.maximum, sink);
        merged.maximum = by.maximum;
        merged.sum = ptx::fma(merged.sum, by.before, by.now);
        for (int i = 0; i < 2 * kLanePairs; i++) {
            merged.output[i] *= by.before;
        }
    }
}

SRV_DEVICE void write_output(const srv_attention_params& p, RowState& state, int row, int head) {
    merge_sink(p, head, state);
    const int lane = static_cast<int>(ptx::lane());
    uint16_t* output = row_of<uint16_t>(p.output, row, p.output_stride) + head * p.head_size;
    for (int i = 0; i < kLanePairs && 2 * lane + 64 * i < p.head_size; i++) {
        const float first = ptx::div_rn(state.output[2 * i], state.sum);
        const float second = ptx::div_rn(state.output[2 * i + 1], state.sum);
        *reinterpret_cast<uint32_t*>(output + 2 * lane + 64 * i) = ptx::to_bf16x2(first, second);
    }
}

SRV_DEVICE void write_state(const srv_attention_params& p, const RowState& state, float* to) {
    const int lane = static_cast<int>(ptx::lane());
    if (lane == 0) {
        to[0] = state.maximum;
        to[1] = state.sum;
    }

    for (int i = 0; i < kLanePairs && 2 * lane + 64 * i < p.head_size; i++) {
        to[4 + 2 * lane + 64 * i] = state.output[2 * i];
        to[5 + 2 * lane + 64 * i] = state.output[2 * i + 1];
    }
}

template <class Pages>
SRV_DEVICE void attend_row(const srv_attention_params& p, const srv_attention_item& item, const SlotReader<Pages>& slots, const PackedRow& row, const uint16_t* query) {
    const int* token_slots = at<const int>(p.token_slots) + item.first_token;
    RowState merged = empty_state();
    for (int split = item.first_split; split < item.first_split + item.split_count && split * SRV_ATTENTION_SPLIT <= row.ordinal; split++) {
        const RowState state = attend_split(p, slots, token_slots, query, split, row.ordinal);
        if (item.partial != 0) {
            write_state(p, state, state_of(p, at<const int>(p.row_partials)[row.row] + split, row.head));
        } else {
            merge_split(state, merged);
        }
    }

    if (item.partial == 0) {
        write_output(p, merged, row.row, row.head);
    }
}

template <class Pages>
SRV_DEVICE void attend_items(const srv_attention_params& p) {
    uint16_t* query = reinterpret_cast<uint16_t*>(ptx::dynamic_shared()) + ptx::warp() * SRV_MAX_HEAD_SIZE;
    const int kv_head = static_cast<int>(ptx::block_index_y());
    const SlotReader<Pages> slots = slot_reader<Pages>(p, kv_head);
    const srv_range range = *at<const srv_range>(p.item_range);
    for (int i = static_cast<int>(ptx::block_index()); i < range.count; i += static_cast<int>(ptx::block_count())) {
        const srv_attention_item item = at<const srv_attention_item>(p.items)[range.first + i];
        const int packed_rows = item.row_count * (p.head_count / p.kv_head_count);
        for (int packed = static_cast<int>(ptx::warp()); packed < packed_rows; packed += 4) {
            const PackedRow row = packed_row(p, item, packed, kv_head);
            const uint16_t* from = row_of<const uint16_t>(p.query, row.row, p.query_stride) + row.head * p.head_size;
            ptx::warp_sync();
            for (int d = static_cast<int>(ptx::lane()); d < p.head_size; d += 32) {
                query[d] = from[d];
            }

            ptx::warp_sync();
            attend_row(p, item, slots, row, query);
        }
    }
}

SRV_KERNEL(srv_attention_plain, srv_attention_params, 128) { attend_items<Bf16Pages>(p); }
SRV_KERNEL(srv_attention_plain_int8, srv_attention_params, 128) { attend_items<Int8Pages>(p); }
