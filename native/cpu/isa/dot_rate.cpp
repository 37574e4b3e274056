#include "dot_rate.h"

#include <immintrin.h>
#include <stdint.h>
#include <time.h>

namespace serving {
namespace {

constexpr int kChains = 12;    // covers the latency of either instruction at two a cycle
constexpr int kRounds = 4000;  // 10 to 40 microseconds a burst
constexpr int kBursts = 16;    // the best of them: other work on the machine only lengthens a burst

// A VDPBF16PS multiplies 32 pairs, an FMA 16, and a core issues two FMAs a cycle. Cores that issue one dot product every other cycle have half the FMAs' rate,
// those with full units twice: the line lies between, far from both.
constexpr double kWorthIt = 1.3;

double seconds_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <typename Step>
double burst(Step step, __m512& sink) {
    __m512 sum[kChains];
    for (auto& chain : sum) {
        chain = _mm512_setzero_ps();
    }

    const double start = seconds_now();
    for (int round = 0; round < kRounds; round++) {
        // The empty statements keep each chain in its register and its sum from being foreseen.
        for (int i = 0; i < kChains; i++) {
            sum[i] = step(sum[i]);
            __asm__ volatile("" : "+v"(sum[i]));
        }
    }

    const double took = seconds_now() - start;
    for (const auto& chain : sum) {
        sink = _mm512_add_ps(sink, chain);
    }

    return took;
}

}  // namespace

bool dot_products_pay() {
    const __m512 factor = _mm512_set1_ps(0.5F);
    const __m512bh pairs = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3F00));
    __m512 sink = _mm512_setzero_ps();
    double fma = 1;
    double dot = 1;
    for (int i = 0; i < kBursts; i++) {
        const double a = burst([factor](__m512 sum) { return _mm512_fmadd_ps(factor, factor, sum); }, sink);
        const double b = burst([pairs](__m512 sum) { return _mm512_dpbf16_ps(sum, pairs, pairs); }, sink);
        fma = a < fma ? a : fma;
        dot = b < dot ? b : dot;
    }

    __asm__ volatile("" : "+v"(sink));
    return 2 * fma / dot >= kWorthIt;
}

}  // namespace serving
