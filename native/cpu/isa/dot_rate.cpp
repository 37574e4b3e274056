#include "dot_rate.h"

#include <stdint.h>
#include <time.h>

namespace serving {
namespace {

constexpr int kRounds = 4000;  // of twelve chains; twenty-four give the same rates, so that latency is covered: 8 to 40 microseconds a burst
constexpr int kBursts = 32;    // the best of them: other work on the machine only lengthens a burst

// A VDPBF16PS multiplies 32 pairs, an FMA 16, and a core issues two FMAs a cycle. A core that issues a dot product every other cycle (Emerald Rapids,
// measured) has half the FMAs' rate, one that issued two a cycle would have twice: the line lies between, far from both.
constexpr double kWorthIt = 1.3;

double seconds_now() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Written out in assembly: a compiler may keep chains in memory, and the stores would be what is measured. All operands are zero.
#define SRV_CLEAR(n) "vpxord %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n"
#define SRV_STEP(op, n) op " %%zmm0, %%zmm1, %%zmm" #n "\n"
#define SRV_BURST(op)                                                                                                                          \
    __asm__ volatile(SRV_CLEAR(0) SRV_CLEAR(1) SRV_CLEAR(2) SRV_CLEAR(3) SRV_CLEAR(4) SRV_CLEAR(5) SRV_CLEAR(6) SRV_CLEAR(7) SRV_CLEAR(8)     \
        SRV_CLEAR(9) SRV_CLEAR(10) SRV_CLEAR(11) SRV_CLEAR(12) SRV_CLEAR(13) "1:\n"                                                            \
        SRV_STEP(op, 2) SRV_STEP(op, 3) SRV_STEP(op, 4) SRV_STEP(op, 5) SRV_STEP(op, 6) SRV_STEP(op, 7) SRV_STEP(op, 8) SRV_STEP(op, 9)        \
        SRV_STEP(op, 10) SRV_STEP(op, 11) SRV_STEP(op, 12) SRV_STEP(op, 13) "dec %0\njnz 1b\n"                                                 \
        : "+r"(rounds)                                                                                                                         \
        :                                                                                                                                      \
        : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13")

double fma_burst() {
    int rounds = kRounds;
    const double start = seconds_now();
    SRV_BURST("vfmadd231ps");
    return seconds_now() - start;
}

double dot_burst() {
    int rounds = kRounds;
    const double start = seconds_now();
    SRV_BURST("vdpbf16ps");
    return seconds_now() - start;
}

}  // namespace

bool dot_products_pay() {
    double fma = 1;
    double dot = 1;
    for (int i = 0; i < kBursts; i++) {
        const double a = fma_burst();
        const double b = dot_burst();
        fma = a < fma ? a : fma;
        dot = b < dot ? b : dot;
    }

    return 2 * fma / dot >= kWorthIt;
}

}  // namespace serving
