// The inverse CDF in id order: fp32 sums, within a block of 1,024 ids from zero, then over the blocks.
#pragma once
#include "select.cuh"

// The upper 24 bits of word 0 of Philox4x32-10 (Salmon et al. 2011) at counter (output index, choice index, 0, 0), times 2^-24.
SRV_DEVICE float uniform_of(uint64_t seed, uint32_t output_index, uint32_t choice_index) {
    uint32_t c0 = output_index, c1 = choice_index, c2 = 0, c3 = 0;
    uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < 10; round++) {
        const uint32_t high0 = ptx::mul_hi(0xD2511F53u, c0);
        const uint32_t low0 = 0xD2511F53u * c0;
        const uint32_t high1 = ptx::mul_hi(0xCD9E8D57u, c2);
        const uint32_t low1 = 0xCD9E8D57u * c2;
        c0 = high1 ^ c1 ^ key0;
        c1 = low1;
        c2 = high0 ^ c3 ^ key1;
        c3 = low0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }

    return static_cast<float>(c0 >> 8) * (1.0f / 16777216.0f);
}

// The sum of a block, one chain; a sum of what is not negative does not change when zeros are added. Few threads do this, so that each asks for much at once.
SRV_DEVICE float chain_sum(const float* values, int first, int end) {
    constexpr int kAhead = 8;
    float sum = 0;
    for (int i = first; i < end; i += 4 * kAhead) {
        Float4 fours[kAhead];
        SRV_UNROLL
        for (int j = 0; j < kAhead; j++) {
            fours[j] = load_values_at(values, i + 4 * j, end);
        }

        SRV_UNROLL
        for (int j = 0; j < kAhead; j++) {
            SRV_UNROLL
            for (int e = 0; e < 4; e++) {
                sum += fours[j].v[e];
            }
        }
    }

    return sum;
}

// One thread walks a block whose sum crosses the target: the first id at which its own chain, the same one, does.
SRV_DEVICE int cross_block(const float* values, int count, float before, float target) {
    float within = values[0];
    int id = 0;
    while (id + 1 < count && !(before + within > target)) {
        within += values[++id];
    }

    return id;
}

// The bins' memory as a block of values behind the sums of all blocks.
template <int Threads>
SRV_DEVICE int draw(const float* values, int count, float u, int best, SampleScratch<Threads>& s) {
    constexpr int kMaxBlocks = kSelectBins * 2 - SRV_CDF_BLOCK;
    static_assert(kMaxBlocks * SRV_CDF_BLOCK >= 1 << 21, "the vocabularies that sampling takes");
    float* sums = reinterpret_cast<float*>(s.bins);
    float* staged = sums + kMaxBlocks;
    const int thread = static_cast<int>(ptx::thread_index());
    const int blocks = ceil_div(count, SRV_CDF_BLOCK);
    ptx::barrier();
    for (int block = thread; block < blocks; block += Threads) {
        sums[block] = chain_sum(values, block * SRV_CDF_BLOCK, smaller((block + 1) * SRV_CDF_BLOCK, count));
    }

    ptx::barrier();
    float total = 0;
    for (int block = 0; block < blocks; block++) {
        total += sums[block];
    }

    const float target = u * total;
    float before = 0;
    for (int block = 0; block < blocks; block++) {
        if (before + sums[block] > target) {
            const int first = block * SRV_CDF_BLOCK;
            const int length = smaller(SRV_CDF_BLOCK, count - first);
            for (int i = thread; i < length; i += Threads) {
                staged[i] = values[first + i];
            }

            ptx::barrier();
            if (thread == 0) {
                s.drawn = first + cross_block(staged, length, before, target);
            }

            ptx::barrier();
            return s.drawn;
        }

        before += sums[block];
    }

    // Rounding can keep every sum at the target.
    return best;
}
