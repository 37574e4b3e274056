// e^x and ln x by polynomials, the same bits on every device: the instructions' own approximations are only used where a tolerance allows them.
#pragma once
#include "memory.cuh"

constexpr float kNoScore = -__builtin_inff();

// 2^n for whole n from -126 to 127.
SRV_DEVICE float power_of_two(float n) { return ptx::as_float(static_cast<uint32_t>(static_cast<int>(n) + 127) << 23); }

// The nearest whole number of |x| < 2^22, ties to even.
SRV_DEVICE float nearest(float x) {
    constexpr float kShift = 12582912.0f;
    return (x + kShift) - kShift;
}

// e^x within 2 ulp for x in -87.3 .. 88; 0 below, the value at 88.02 above. x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 7
// (remainder below 2^-26 of the result), times 2^n. The CPU kernels' arithmetic, operation by operation.
SRV_DEVICE float exponential(float x) {
    float clamped = x > -87.3f ? x : -87.3f;
    clamped = clamped < 88.02f ? clamped : 88.02f;
    const float n = nearest(clamped * 1.44269504f);
    // ln 2 in two parts: n times the first is exact for every n that occurs.
    float r = ptx::fma(n, -0.693359375f, clamped);
    r = ptx::fma(n, 2.12194440e-4f, r);
    float e = 1.0f / 5040;
    e = ptx::fma(e, r, 1.0f / 720);
    e = ptx::fma(e, r, 1.0f / 120);
    e = ptx::fma(e, r, 1.0f / 24);
    e = ptx::fma(e, r, 1.0f / 6);
    e = ptx::fma(e, r, 0.5f);
    e = ptx::fma(e, r, 1.0f);
    e = ptx::fma(e, r, 1.0f);
    return x < -87.3f ? 0.0f : e * power_of_two(n);
}

// cap tanh(x / cap) as cap (1 - 2 / (1 + e^(2 x / cap))): the CPU kernels' arithmetic.
SRV_DEVICE float capped(float x, float cap) { return cap * (1.0f - ptx::div_rn(2.0f, 1.0f + exponential(ptx::div_rn(x, cap) * 2.0f))); }

// ln x for normal x > 0 within 1e-15: x = 2^n m with m in [1/2, 1) brought to [sqrt(1/2), sqrt(2)], ln m = 2 artanh((m - 1) / (m + 1)).
SRV_DEVICE double natural_logarithm(double x) {
    uint64_t bits = __builtin_bit_cast(uint64_t, x);
    int n = static_cast<int>(bits >> 52) - 1022;
    double m = __builtin_bit_cast(double, (bits & 0x000FFFFFFFFFFFFFull) | 0x3FE0000000000000ull);
    if (m < 0.70710678118654752) {
        m *= 2;
        n--;
    }

    const double s = (m - 1) / (m + 1);
    const double square = s * s;
    // The series' remainder is below s^25 / 25 with |s| < 0.172.
    double sum = 1.0 / 23;
    for (int k = 21; k >= 1; k -= 2) {
        sum = sum * square + 1.0 / k;
    }

    return n * 0.69314718055994531 + 2 * s * sum;
}
