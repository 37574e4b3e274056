// Keeps the largest of a row of probabilities, by count (top_k) or by mass (top_p), without sorting: three passes of 11, 11 and 10 bits find the value at which
// the count or mass is reached (the bits of floats that are not negative are ordered as the floats are). Among equals the lowest ids are kept.

constexpr int kSelectBins = 1 << 11;

// Adds up the values whose bits above this digit are the prefix's, by digit.
static void fill_bins(const float* values, int length, uint32_t prefix, int shift, int width, bool by_mass, double* bins) {
    __builtin_memset(bins, 0, sizeof(double) << width);
    const int upper = shift + width;
    for (int i = 0; i < length; i++) {
        const uint32_t bits = bits_of(values[i]);
        if (values[i] > 0 && (upper == 32 || bits >> upper == prefix >> upper)) {
            bins[(bits >> shift) & ((1u << width) - 1)] += by_mass ? static_cast<double>(values[i]) : 1.0;
        }
    }
}

// The highest bin at which the sum from above reaches the target, or -1 where even all of them stay below.
static int crossing_bin(const double* bins, int width, double target, bool is_part, double& above) {
    int lowest = -1;
    for (int bin = (1 << width) - 1; bin >= 0; bin--) {
        if (bins[bin] == 0) {
            continue;
        }

        if (above + bins[bin] >= target) {
            return bin;
        }

        above += bins[bin];
        lowest = bin;
    }

    if (lowest < 0 || !is_part) {
        return -1;
    }

    // Sums of parts may round to less than the sum of the whole that reached the target: the last part is then the one that does.
    above -= bins[lowest];
    return lowest;
}

static void keep_largest(float* values, int length, double target, bool by_mass, double* bins) {
    constexpr int kShifts[] = {21, 10, 0};
    constexpr int kWidths[] = {11, 11, 10};
    uint32_t prefix = 0;
    double above = 0;
    for (int pass = 0; pass < 3; pass++) {
        fill_bins(values, length, prefix, kShifts[pass], kWidths[pass], by_mass, bins);
        const int bin = crossing_bin(bins, kWidths[pass], target, pass != 0, above);
        if (bin < 0) {
            return;
        }

        prefix |= static_cast<uint32_t>(bin) << kShifts[pass];
    }

    float threshold;
    __builtin_memcpy(&threshold, &prefix, sizeof threshold);
    double taken = 0;
    const double wanted = target - above;
    for (int i = 0; i < length; i++) {
        if (values[i] < threshold) {
            values[i] = 0;
        } else if (values[i] == threshold) {
            if (taken >= wanted) {
                values[i] = 0;
            } else {
                taken += by_mass ? static_cast<double>(threshold) : 1.0;
            }
        }
    }
}
