// Log-softmax of the raw logits.
#pragma once
#include "draw.cuh"
#include "top.cuh"

// ln Σ e^x: fp32 sums of 1,024, added up in double in their order.
template <int Threads>
SRV_DEVICE float log_sum_exp(const float* logits, int count, float largest, SampleScratch<Threads>& s) {
    float* sums = reinterpret_cast<float*>(s.bins);
    const int blocks = ceil_div(count, SRV_CDF_BLOCK);
    for (int block = static_cast<int>(ptx::warp()); block < blocks; block += Threads / 32) {
        float sum = 0;
        for (int i = block * SRV_CDF_BLOCK + static_cast<int>(ptx::lane()); i < smaller((block + 1) * SRV_CDF_BLOCK, count); i += 32) {
            sum += exponential(logits[i] - largest);
        }

        sum = warp_sum(sum);
        if (ptx::lane() == 0) {
            sums[block] = sum;
        }
    }

    ptx::barrier();
    double total = 0;
    for (int block = 0; block < blocks; block++) {
        total += static_cast<double>(sums[block]);
    }

    return static_cast<float>(static_cast<double>(largest) + natural_logarithm(total));
}

template <int Threads>
SRV_DEVICE void write_logprobs(const srv_sample_params& p, const float* logits, int output, int token, int wanted, SampleScratch<Threads>& s) {
    const int top_count = smaller(smaller(wanted, SRV_MAX_TOP_LOGPROBS), p.vocabulary);
    const WarpList top = first_values(logits, p.vocabulary, larger(top_count, 1), s);
    if (ptx::thread_index() == 0) {
        s.candidates[0] = top.own;
    }

    ptx::barrier();
    const float normaliser = log_sum_exp(logits, p.vocabulary, s.candidates[0].value, s);
    const int thread = static_cast<int>(ptx::thread_index());
    if (thread == 0) {
        at<float>(p.logprobs)[output] = logits[token] - normaliser;
    }

    if (thread < top_count) {
        at<int>(p.top_ids)[output * SRV_MAX_TOP_LOGPROBS + thread] = top.own.id;
        at<float>(p.top_logprobs)[output * SRV_MAX_TOP_LOGPROBS + thread] = top.own.value - normaliser;
    }
}
