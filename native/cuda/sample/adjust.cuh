// Mask, bias and penalties, and the largest value of a row.
#pragma once
#include "../common/exponential.cuh"
#include "../common/reduce.cuh"
#include "values.cuh"

// Bit i of word w of a mask belongs to token 32 w + i.
SRV_DEVICE bool allows(const uint32_t* mask, int id) { return (mask[id / 32] >> id % 32 & 1) != 0; }

// The logits of allowed tokens; others become -inf. Biases and penalties are finite and leave it that, so that this comes to the same before them as behind them.
template <int Threads>
SRV_DEVICE void copy_allowed(const float* logits, float* values, int count, const uint32_t* mask) {
    each_own_value<Threads>(logits, count, [&](int id, float value) { values[id] = allows(mask, id) ? value : kNoScore; });
}

// A token that is named twice gets the sum of its biases: its first entry adds all of them, in their order.
template <int Threads>
SRV_DEVICE void add_biases(float* values, const srv_bias* biases, int count) {
    for (int i = static_cast<int>(ptx::thread_index()); i < count; i += Threads) {
        const int token = biases[i].token;
        bool first = true;
        for (int j = 0; j < i; j++) {
            first = first && biases[j].token != token;
        }

        float value = values[token];
        for (int j = i; j < count; j++) {
            value = biases[j].token == token ? value + biases[j].bias : value;
        }

        if (first) {
            values[token] = value;
        }
    }
}

SRV_DEVICE float penalised(float value, int output_count, const srv_sample_row& row) {
    value = value > 0 ? ptx::div_rn(value, row.repetition_penalty) : value * row.repetition_penalty;
    if (output_count > 0) {
        value -= static_cast<float>(output_count) * row.frequency_penalty;
        value -= row.presence_penalty;
    }

    return value;
}

// Tokens are distinct: every token that the sequence has seen once. The pending one (-1: there is none) is in the output once more than its entry says; says whether
// this thread had that entry.
template <int Threads>
SRV_DEVICE bool add_penalties(float* values, const srv_sample_row& row, const srv_penalty* penalties, int pending) {
    bool counted = false;
    for (int i = static_cast<int>(ptx::thread_index()); i < row.penalty_count; i += Threads) {
        const srv_penalty seen = penalties[row.first_penalty + i];
        const bool again = seen.token == pending;
        values[seen.token] = penalised(values[seen.token], seen.output_count + (again ? 1 : 0), row);
        counted = counted || again;
    }

    return counted;
}

struct Candidate {
    float value;
    int id;
};

// Behind every value of a row.
constexpr Candidate kNoCandidate = {kNoScore, 0x7FFFFFFF};

// Higher values first, lower ids first among equals.
SRV_DEVICE bool comes_before(const Candidate& a, const Candidate& b) { return a.value > b.value || (a.value == b.value && a.id < b.id); }

SRV_DEVICE Candidate first_of(const Candidate& a, const Candidate& b) {
    const bool is_a = comes_before(a, b);
    return {is_a ? a.value : b.value, is_a ? a.id : b.id};
}

SRV_DEVICE Candidate warp_first(Candidate best) {
    for (uint32_t by = 16; by > 0; by /= 2) {
        best = first_of({ptx::shuffle_xor(best.value, by), ptx::shuffle_xor(best.id, by)}, best);
    }

    return best;
}

// The largest value and the lowest id that has it; id 0 for a row without one (all NaN). scratch holds a Candidate per warp; it may be used again after a barrier.
template <int Threads>
SRV_DEVICE Candidate largest_of(const float* values, int count, Candidate* scratch) {
    Candidate best = kNoCandidate;
    each_own_value<Threads>(values, count, [&](int id, float value) { best = first_of({value, id}, best); });
    best = warp_first(best);
    if (ptx::lane() == 0) {
        scratch[ptx::warp()] = best;
    }

    ptx::barrier();
    best = scratch[0];
    for (int i = 1; i < Threads / 32; i++) {
        best = first_of(scratch[i], best);
    }

    return {best.value, best.id < count ? best.id : 0};
}
