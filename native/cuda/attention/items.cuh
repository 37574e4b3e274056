// What the attention kernels read their work from.
#pragma once
#include "../common/exponential.cuh"
#include "../common/pages.cuh"

// One packed row of an item: a step's row and one of the query heads that share the kv head. Packed row i is row i / group, head i % group.
struct PackedRow {
    int row, head, ordinal;
};

SRV_DEVICE PackedRow packed_row(const srv_attention_params& p, const srv_attention_item& item, int packed, int kv_head) {
    const int group = p.head_count / p.kv_head_count;
    const int row = at<const int>(p.row_list)[item.first_row + packed / group];
    return {row, kv_head * group + packed % group, at<const int>(p.row_ordinals)[row]};
}

// Keys and values of one head in slots of the arena.
template <class Pages>
struct SlotReader {
    using Element = typename Pages::Element;

    srv_address keys;  // of page 0
    srv_address page_bytes;
    int values_offset;  // elements from a slot's key to its value
    int head_size;

    // The head's keys in a slot's page. Two products of 32 bits into 64: a page has less than 4 GiB.
    SRV_DEVICE srv_address page_of(int slot) const {
        const uint32_t page = static_cast<uint32_t>(slot) / SRV_PAGE_TOKENS;
        return keys + static_cast<srv_address>(page) * static_cast<uint32_t>(page_bytes);
    }

    SRV_DEVICE static uint32_t within(int slot) { return static_cast<uint32_t>(slot) % SRV_PAGE_TOKENS; }

    SRV_DEVICE const Element* key(int slot) const { return at<const Element>(page_of(slot)) + within(slot) * static_cast<uint32_t>(head_size); }

    template <int HeadSize>
    SRV_DEVICE const Element* key(int slot) const {
        return SlotReader{keys, page_bytes, values_offset, HeadSize}.key(slot);
    }

    SRV_DEVICE const Element* value(int slot) const { return key(slot) + values_offset; }

    // Of integers: what a key's stand for per step, or a value's where which is 1.
    SRV_DEVICE const float* scale(int slot, int which) const {
        return at<const float>(page_of(slot) + static_cast<uint32_t>(SRV_PAGE_TOKENS * head_size + which * values_offset)) + within(slot);
    }
};

template <class Pages>
SRV_DEVICE SlotReader<Pages> slot_reader(const srv_attention_params& p, int kv_head) {
    const typename Pages::Element* keys = page_head<Pages>(p.pages, p.page_bytes, 0, p.layer, 0, p.kv_head_count, kv_head, p.head_size);
    return {reinterpret_cast<srv_address>(keys), p.page_bytes, p.kv_head_count * SRV_PAGE_TOKENS * (p.head_size + Pages::kScale), p.head_size};
}

// A state of one row and head: maximum, sum, two unused floats, then the unnormalised output.
SRV_DEVICE float* state_of(const srv_attention_params& p, int state, int head) {
    return at<float>(p.states) + (static_cast<int64_t>(state) * p.head_count + head) * (4 + p.head_size);
}

// How a split's state and the merged one are weighed: merged = merged * before + split * now.
struct MergeFactors {
    float maximum, before, now;
};

SRV_DEVICE MergeFactors merge_factors(float merged_maximum, float split_maximum) {
    const float maximum = split_maximum > merged_maximum ? split_maximum : merged_maximum;
    return {maximum, exponential(merged_maximum - maximum), exponential(split_maximum - maximum)};
}
