// cuBLASLt: products against sums in double, the same bits for a column alone and among others, split-K only where it is allowed.
#include <cmath>

#include "driver.h"

using namespace tests;

namespace {

constexpr int f32 = 0, bf16 = 14;

uint16_t rounded(float x) {
    const auto bits = __builtin_bit_cast(uint32_t, x);
    return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

float widened(uint16_t x) { return __builtin_bit_cast(float, static_cast<uint32_t>(x) << 16); }

struct Heuristic {
    uint64_t algorithm[8];
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

std::vector<uint16_t> noise(size_t count, uint32_t seed) {
    std::vector<uint16_t> values(count);
    for (auto& value : values) {
        seed = seed * 1664525u + 1013904223u;
        value = rounded(static_cast<float>(static_cast<int32_t>(seed)) * 0x1p-31f);
    }
    return values;
}

// weights [outputs][inputs] by inputs [columns][inputs], as a Linear does it: A transposed, everything with inputs fastest.
struct Product {
    Product(Device& device, uint64_t outputs, uint64_t inputs, int output_type) : device(device), outputs(outputs), inputs(inputs), output_type(output_type) {
        const int transpose = 1;
        EXPECT_EQUAL(0, cublasLtCreate(&handle));
        EXPECT_EQUAL(0, cublasLtMatmulDescCreate(&description, 68, 0));
        EXPECT_EQUAL(0, cublasLtMatmulDescSetAttribute(description, 3, &transpose, 4));
        workspace = device.allocate(1 << 20);
    }

    template <class T>
    std::vector<T> run(uint64_t weights, uint64_t x, uint64_t columns, uint32_t reductions, bool* split = nullptr) {
        void *a, *b, *d, *preference;
        const uint64_t limit = 1 << 20;
        EXPECT_EQUAL(0, cublasLtMatrixLayoutCreate(&a, bf16, inputs, outputs, static_cast<int64_t>(inputs)));
        EXPECT_EQUAL(0, cublasLtMatrixLayoutCreate(&b, bf16, inputs, columns, static_cast<int64_t>(inputs)));
        EXPECT_EQUAL(0, cublasLtMatrixLayoutCreate(&d, output_type, outputs, columns, static_cast<int64_t>(outputs)));
        EXPECT_EQUAL(0, cublasLtMatmulPreferenceCreate(&preference));
        EXPECT_EQUAL(0, cublasLtMatmulPreferenceSetAttribute(preference, 1, &limit, 8));
        EXPECT_EQUAL(0, cublasLtMatmulPreferenceSetAttribute(preference, 3, &reductions, 4));
        Heuristic result;
        int found;
        EXPECT_EQUAL(0, cublasLtMatmulAlgoGetHeuristic(handle, description, a, b, d, d, preference, 1, &result, &found));
        EXPECT_EQUAL(1, found);
        if (split) *split = result.workspace > 0;
        const uint64_t y = device.allocate(outputs * columns * sizeof(T));
        const float alpha = 1, beta = 0;
        EXPECT_EQUAL(0, cublasLtMatmul(handle, description, &alpha, weights, a, x, b, &beta, y, d, y, d, result.algorithm, workspace, 1 << 20, nullptr));
        return device.download<T>(y, outputs * columns);
    }

    Device& device;
    uint64_t outputs, inputs;
    int output_type;
    void *handle, *description;
    uint64_t workspace;
};

}  // namespace

TEST(products_are_right_and_a_column_alone_has_the_same_bits) {
    for (const uint64_t inputs : {5u, 64u, 300u, 1024u}) {
        Device device;
        const uint64_t outputs = 37, columns = 21;
        const auto w = noise(outputs * inputs, 1), x = noise(columns * inputs, 2);
        const uint64_t weights = device.upload(w), rows = device.upload(x);
        Product product(device, outputs, inputs, f32);
        const auto all = product.run<float>(weights, rows, columns, 0);
        for (uint64_t j = 0; j < columns; j++) {
            const auto alone = product.run<float>(weights, rows + j * inputs * 2, 1, 0);
            for (uint64_t i = 0; i < outputs; i++) {
                double sum = 0, size = 0;
                for (uint64_t k = 0; k < inputs; k++) {
                    const double term = static_cast<double>(widened(w[i * inputs + k])) * widened(x[j * inputs + k]);
                    sum += term;
                    size += std::fabs(term);
                }
                EXPECT(std::fabs(sum - all[j * outputs + i]) <= size * 1e-6);
                EXPECT_EQUAL(all[j * outputs + i], alone[i]);
            }
        }
        EXPECT(findings().empty());
    }
}

TEST(few_columns_are_split_where_reductions_are_allowed) {
    Device device;
    const uint64_t inputs = 512, outputs = 16;
    const uint64_t weights = device.upload(noise(outputs * inputs, 1)), rows = device.upload(noise(inputs * 32, 2));
    Product product(device, outputs, inputs, bf16);
    bool split;
    product.run<uint16_t>(weights, rows, 1, ~0u, &split);
    EXPECT(split);
    product.run<uint16_t>(weights, rows, 32, ~0u, &split);
    EXPECT(!split);
    product.run<uint16_t>(weights, rows, 1, 0, &split);
    EXPECT(!split);
}

TEST(a_product_of_unwritten_memory_is_found) {
    Device device;
    const uint64_t weights = device.allocate(64 * 64 * 2), rows = device.upload(noise(64, 2));
    Product product(device, 64, 64, f32);
    bool failed = false;
    try {
        product.run<float>(weights, rows, 1, 0);
    } catch (const Failure&) {
        failed = true;
    }
    EXPECT(failed);
    EXPECT(findings().find("cublasLtMatmul") != std::string::npos);
}
