// Right kernels give right results, in every order of blocks and threads, and no findings.
#include <cmath>
#include <numeric>
#include <thread>

#include "driver.h"
#include "params.h"

using namespace tests;

namespace {

std::vector<float> counting(size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 1.0f);
    return values;
}

constexpr uint64_t seeds[] = {0, 1, 2, 3, 77};

}  // namespace

TEST(a_block_sums_by_shuffles_and_a_barrier) {
    for (const uint64_t seed : seeds) {
        Device device;
        srv_emulator_set_seed(seed);
        const auto x = counting(1000);
        const Vector params{device.upload(x), device.allocate(8 * 4), 1000};
        EXPECT_EQUAL(0, device.launch("sum_right", 8, 128, 16, params));
        const auto y = device.download<float>(params.y, 8);
        srv_emulator_set_seed(0);
        EXPECT(findings().empty());
        EXPECT_EQUAL(500500.0f, std::accumulate(y.begin(), y.end(), 0.0f));
        EXPECT_EQUAL(128.0f * 129 / 2, y[0]);
    }
}

TEST(lanes_run_ahead_through_shuffles_and_take_the_words_of_each) {
    constexpr uint32_t rounds = 1000, threads = 48;
    const auto x = counting(threads);
    std::vector<float> sums(threads), before(threads);
    for (uint32_t i = 0; i < rounds; i++) {
        for (uint32_t t = 0; t < threads; t++) before[t] = sums[t] + x[t];
        for (uint32_t t = 0; t < threads; t++) {
            const uint32_t warp = t / 32 * 32, lanes = warp == 0 ? 32 : 16;
            sums[t] = before[warp + (i % 8 == 7 ? t % 32 ^ 5 : i / 100 * 13 % lanes)];
            sums[t] = sums[t] > 4096 ? sums[t] - 4096 : sums[t];
        }
    }

    for (const uint64_t seed : seeds) {
        Device device;
        srv_emulator_set_seed(seed);
        const Vector params{device.upload(x), device.allocate(threads * 4), rounds};
        EXPECT_EQUAL(0, device.launch("rounds_of_shuffles", 1, threads, 0, params));
        const auto y = device.download<float>(params.y, threads);
        srv_emulator_set_seed(0);
        EXPECT(findings().empty());
        for (uint32_t t = 0; t < threads; t++) EXPECT_EQUAL(sums[t], y[t]);
    }
}

TEST(a_warpgroup_multiplies_what_its_threads_have_stored) {
    for (const uint64_t seed : seeds) {
        Device device;
        srv_emulator_set_seed(seed);
        const Vector params{device.upload(counting(256)), device.allocate(512), 256};
        EXPECT_EQUAL(0, device.launch("warpgroup_right", 1, 128, 8192, params));
        const auto y = device.download<float>(params.y, 128);
        srv_emulator_set_seed(0);
        EXPECT(findings().empty());
        for (const float value : y) EXPECT_EQUAL(16.0f, value);
    }
}

TEST(a_warp_arrives_and_goes_on) {
    for (const uint64_t seed : seeds) {
        Device device;
        srv_emulator_set_seed(seed);
        const Vector params{device.upload(counting(256)), device.allocate(512), 256};
        EXPECT_EQUAL(0, device.launch("arrives_right", 1, 64, 512, params));
        const auto y = device.download<float>(params.y, 32);
        srv_emulator_set_seed(0);
        EXPECT(findings().empty());
        EXPECT_EQUAL(64.0f, y[0]);
        EXPECT_EQUAL(33.0f, y[31]);
    }
}

TEST(asynchronous_copies_land_and_fill_with_zeros) {
    Device device;
    const auto x = counting(256);
    const Vector params{device.upload(x), device.allocate(1024), 256};
    EXPECT_EQUAL(0, device.launch("exchange_right", 1, 64, 1024, params));
    const auto y = device.download<float>(params.y, 256);
    EXPECT(findings().empty());
    EXPECT_EQUAL(129.0f, y[0]);
    EXPECT_EQUAL(2.0f, y[4 * 32 + 1]);
    EXPECT_EQUAL(0.0f, y[4 * 32 + 2]);  // thread 0 copied 8 bytes only
    EXPECT_EQUAL(5.0f, y[4 * 33]);
}

TEST(a_matrix_product_through_ldmatrix) {
    Device device;
    std::vector<uint16_t> a(256), b(128);
    const auto bf16 = [](float x) { return static_cast<uint16_t>(__builtin_bit_cast(uint32_t, x) >> 16); };
    for (int i = 0; i < 256; i++) a[static_cast<size_t>(i)] = bf16(static_cast<float>(i % 13 - 6));
    for (int i = 0; i < 128; i++) b[static_cast<size_t>(i)] = bf16(static_cast<float>(i % 7 - 3));
    const Product params{device.upload(a), device.upload(b), device.allocate(512)};
    const auto differs = [&](const char* kernel) {
        EXPECT_EQUAL(0, device.launch(kernel, 1, 32, 768, params));
        const auto d = device.download<float>(params.d, 128);
        EXPECT(findings().empty());
        int wrong = 0;
        for (int row = 0; row < 16; row++) {
            for (int column = 0; column < 8; column++) {
                int sum = 0;
                for (int k = 0; k < 16; k++) sum += ((row * 16 + k) % 13 - 6) * ((column * 16 + k) % 7 - 3);
                wrong += static_cast<float>(sum) != d[static_cast<size_t>(row * 8 + column)];
            }
        }
        return wrong;
    };
    EXPECT_EQUAL(0, differs("product_right"));
    EXPECT(differs("product_wrong_layout") > 0);
}

TEST(barriers_over_parts_of_a_block) {
    for (const uint64_t seed : seeds) {
        Device device;
        srv_emulator_set_seed(seed);
        const Vector params{device.upload(counting(128)), device.allocate(512), 128};
        EXPECT_EQUAL(0, device.launch("named_barriers_right", 1, 128, 512, params));
        const auto y = device.download<float>(params.y, 128);
        srv_emulator_set_seed(0);
        EXPECT(findings().empty());
        EXPECT_EQUAL(33.0f, y[0]);
    }
}

TEST(lanes_exchange_after_warp_sync) {
    Device device;
    const Vector params{device.upload(counting(32)), device.allocate(128), 32};
    EXPECT_EQUAL(0, device.launch("warp_exchange_right", 1, 32, 128, params));
    EXPECT_EQUAL(32.0f, device.download<float>(params.y, 32)[0]);
    EXPECT(findings().empty());
}

TEST(a_seed_changes_the_order_of_blocks_and_threads) {
    Device device;
    const Vector params{0, device.allocate(4), 0};
    std::vector<float> last;
    for (const uint64_t seed : seeds) {
        srv_emulator_set_seed(seed);
        EXPECT_EQUAL(0, device.launch("order_dependent", 64, 32, 0, params));
        last.push_back(device.download<float>(params.y, 1)[0]);
    }
    srv_emulator_set_seed(0);
    bool differs = false;
    for (const float value : last) differs = differs || value != last[0];
    EXPECT(differs);
}

TEST(atomics_of_all_blocks_add_up) {
    Device device;
    const Vector params{0, device.upload(std::vector<uint32_t>{0}), 0};
    EXPECT_EQUAL(0, device.launch("counts", 64, 256, 0, params));
    EXPECT_EQUAL(64u * 256, device.download<uint32_t>(params.y, 1)[0]);
}

// A kernel of the first waits for a flag that is set when the second is done.
TEST(devices_work_at_the_same_time) {
    Device device;
    void *first, *second, *module, *function;
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRetain(&first, 0));
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRetain(&second, 1));
    srv_emulator_set_access_limit(int64_t{1} << 30);
    const Vector flag{device.upload(std::vector<float>(32, 0.0f)), device.allocate(128), 32};
    EXPECT_EQUAL(0, cuCtxSynchronize());
    int waited = -1;
    std::thread waiting([&] {
        cuCtxSetCurrent(first);
        waited = device.launch("waits_for_a_flag", 2, 32, 0, flag);
        if (waited == 0) waited = cuCtxSynchronize();
    });
    float sum = 0;
    uint64_t y = 0;
    const bool done = cuCtxSetCurrent(second) == 0 && cuModuleLoadDataEx(&module, "serving cuda emulator", 0, nullptr, nullptr) == 0 &&
                      cuModuleGetFunction(&function, module, "sum_right") == 0 && cuMemAlloc_v2(&y, 4096) == 0;
    const auto x = counting(128);
    Vector params{y + 1024, y, 128};
    void* arguments[] = {&params};
    const bool summed = done && cuMemcpyHtoDAsync_v2(params.x, x.data(), 512, nullptr) == 0 && cuLaunchKernel(function, 1, 1, 1, 128, 1, 1, 16, nullptr, arguments, nullptr) == 0 &&
                        cuMemcpyDtoHAsync_v2(&sum, y, 4, nullptr) == 0 && cuCtxSynchronize() == 0;
    *reinterpret_cast<volatile float*>(flag.x) = 1.0f;
    waiting.join();
    srv_emulator_set_access_limit(int64_t{1} << 33);
    EXPECT(summed);
    EXPECT_EQUAL(128.0f * 129 / 2, sum);
    EXPECT_EQUAL(0, waited);
    EXPECT(findings().empty());
}
