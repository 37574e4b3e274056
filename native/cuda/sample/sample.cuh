// Sampling and logprobs of one output row, in the order that Serving.Compute/Steps/SampleRow.cs documents.
//
// Memory: a block per output; its row of probabilities stands in the scratch buffer and in L2, bins and partial sums in shared memory.
// Bytes per output: 4 vocabulary for a greedy row; 8 more where a mask (an eighth besides), biases or penalties change it; 8 more to make probabilities, 12 for each of
// top_k and top_p, 4 to draw, 8 for logprobs.
// Operations: about 30 per token of the vocabulary.
// Order: exponentials are polynomials, masses whole numbers, sums of the CDF chains: the same bits whatever else is in the step.
#pragma once
#include "logprobs.cuh"

constexpr float kGreedyTemperature = 1e-5f;

// The logits after mask, bias and penalties, in the scratch row; the logits' own row where nothing changes them and nothing will be written.
template <int Threads>
SRV_DEVICE const float* adjusted(const srv_sample_params& p, const srv_sample_row& row, const float* logits, float* values, SampleScratch<Threads>& s) {
    const bool greedy = row.temperature < kGreedyTemperature;
    if (greedy && row.bias_count == 0 && row.penalty_count == 0 && row.mask_words == 0) {
        return logits;
    }

    if (row.mask_words > 0) {
        copy_allowed<Threads>(logits, values, p.vocabulary, at<const uint32_t>(p.masks) + row.first_mask);
    } else {
        each_own_value<Threads>(logits, p.vocabulary, [&](int id, float value) { values[id] = value; });
    }

    if (ptx::thread_index() == 0) {
        s.counted = 0;
    }

    ptx::barrier();
    add_biases<Threads>(values, at<const srv_bias>(p.biases) + row.first_bias, row.bias_count);
    ptx::barrier();
    const int pending = row.penalty_count > 0 ? at<const int>(p.pending)[row.row] : -1;
    if (add_penalties<Threads>(values, row, at<const srv_penalty>(p.penalties), pending)) {
        s.counted = 1;
    }

    ptx::barrier();
    if (pending >= 0 && s.counted == 0 && owns_value<Threads>(pending)) {
        values[pending] = penalised(values[pending], 1, row);
    }

    return values;
}

// A thread makes those that it owns, and is the only one to touch these until draw.
template <int Threads>
SRV_DEVICE void make_probabilities(float* values, int count, float largest, const srv_sample_row& row) {
    each_own_value<Threads>(values, count, [&](int id, float value) {
        const float probability = exponential(ptx::div_rn(value - largest, row.temperature));
        values[id] = row.min_p > 0 && probability < row.min_p ? 0.0f : probability;
    });
}

template <int Threads>
SRV_DEVICE int sample_token(const srv_sample_params& p, const srv_sample_row& row, const float* logits, float* values, SampleScratch<Threads>& s) {
    const Candidate best = largest_of<Threads>(adjusted(p, row, logits, values, s), p.vocabulary, s.candidates);
    if (row.temperature < kGreedyTemperature) {
        return best.id;
    }

    make_probabilities<Threads>(values, p.vocabulary, best.value, row);
    if (row.top_k > 0 && row.top_k < p.vocabulary) {
        keep_largest(values, p.vocabulary, static_cast<uint64_t>(row.top_k), false, s);
    }

    if (row.top_p < 1) {
        const double mass = static_cast<double>(row.top_p) * static_cast<double>(total_mass(values, p.vocabulary, s));
        keep_largest(values, p.vocabulary, mass < 1 ? 1 : static_cast<uint64_t>(mass), true, s);
    }

    return draw(values, p.vocabulary, uniform_of(row.seed, row.output_index, row.choice_index), best.id, s);
}

template <int Threads>
SRV_DEVICE void sample_rows(const srv_sample_params& p) {
    static_assert(sizeof(SampleScratch<Threads>) <= SRV_SAMPLE_SHARED, "the host is told how much shared memory sampling takes");
    SampleScratch<Threads>& s = *reinterpret_cast<SampleScratch<Threads>*>(ptx::dynamic_shared());
    const int outputs = count_at(p.output_count);
    for (int output = static_cast<int>(ptx::block_index()); output < outputs; output += static_cast<int>(ptx::block_count())) {
        const srv_sample_row row = at<const srv_sample_row>(p.sample_rows)[output];
        const float* logits = row_of<const float>(p.logits, output, p.logits_stride);
        const int token = row.target_token >= 0 ? row.target_token : sample_token(p, row, logits, row_of<float>(p.scratch, output, p.logits_stride), s);
        if (ptx::thread_index() == 0) {
            at<int>(p.token_ids)[output] = token;
        }

        // Whatever comes next writes where sampling has read.
        ptx::barrier();
        if (row.top_logprobs >= 0) {
            write_logprobs(p, logits, output, token, row.top_logprobs, s);
        }
    }
}

SRV_KERNEL(srv_sample, srv_sample_params, kSampleThreads) { sample_rows<kSampleThreads>(p); }

// The same for vocabularies of up to SRV_SMALL_VOCABULARY: what the block does at barriers and in sums over it is an eighth, a thread still owns no more than it loads at once.
SRV_KERNEL(srv_sample_small, srv_sample_params, kSmallSampleThreads) {
    static_assert(SRV_SMALL_VOCABULARY <= kSampleAhead * kSampleStep<kSmallSampleThreads>, "one round of loads");
    sample_rows<kSmallSampleThreads>(p);
}
