// Mistakes planted in kernels, each found: the launch fails as an illegal address does, and the finding names what is wrong.
#include "driver.h"
#include "params.h"

using namespace tests;

namespace {

constexpr int illegal_address = 700;

// Launches, expects a failure that stays, and the words in the findings.
template <class Params>
void expect_found(Device& device, const char* kernel, unsigned blocks, unsigned threads, unsigned shared, Params params, const char* words) {
    EXPECT_EQUAL(0, device.launch(kernel, blocks, threads, shared, params));
    EXPECT_EQUAL(illegal_address, cuCtxSynchronize());
    EXPECT_EQUAL(illegal_address, cuCtxSynchronize());
    const std::string text = findings();
    if (text.find(words) == std::string::npos || text.find(kernel) == std::string::npos)
        throw Failure{std::string("expected \"") + words + "\" of " + kernel + ", found: " + text};
}

void expect_found_on_vectors(const char* kernel, unsigned threads, unsigned shared, const char* words) {
    Device device;
    const Vector params{device.upload(std::vector<float>(1024, 1.0f)), device.allocate(4096), 1024};
    expect_found(device, kernel, 1, threads, shared, params, words);
}

}  // namespace

TEST(a_missing_barrier_is_found) { expect_found_on_vectors("sum_missing_barrier", 128, 16, "shared memory"); }
TEST(a_missing_warp_sync_is_found) { expect_found_on_vectors("warp_exchange_no_sync", 32, 128, "shared memory"); }
TEST(a_barrier_over_the_wrong_part_is_found) { expect_found_on_vectors("named_barriers_across", 128, 512, "shared memory"); }
TEST(a_ring_without_its_second_barrier_is_found) { expect_found_on_vectors("ring_no_second_barrier", 64, 256, "race on shared memory"); }
TEST(a_copy_not_awaited_is_found) { expect_found_on_vectors("exchange_not_awaited", 64, 1024, "asynchronous copy not awaited"); }
TEST(a_copy_awaited_without_a_barrier_is_found) { expect_found_on_vectors("exchange_no_barrier", 64, 1024, "shared memory"); }
TEST(a_copy_over_one_under_way_is_found) { expect_found_on_vectors("copy_over_copy", 32, 512, "asynchronous copy not awaited"); }
TEST(a_store_over_a_copy_under_way_is_found) { expect_found_on_vectors("store_over_copy", 32, 512, "asynchronous copy not awaited"); }
TEST(a_barrier_in_a_branch_is_found) { expect_found_on_vectors("barrier_in_branch", 64, 0, "divergent"); }
TEST(a_shuffle_in_a_branch_is_found) { expect_found_on_vectors("shuffle_in_branch", 32, 0, "divergent"); }
TEST(a_shuffle_that_some_lanes_miss_is_found) {
    expect_found_on_vectors("shuffle_before_others_barrier", 32, 0, "divergent");
    expect_found_on_vectors("shuffle_behind_others_barrier", 32, 0, "divergent");
    expect_found_on_vectors("shuffle_before_others_meeting", 32, 0, "divergent");
    expect_found_on_vectors("shuffle_behind_others_meeting", 32, 0, "divergent");
    expect_found_on_vectors("shuffle_when_others_have_returned", 32, 0, "divergent");
    expect_found_on_vectors("shuffle_more_at_the_end", 32, 0, "divergent");
    expect_found_on_vectors("shuffle_from_one_that_returned", 32, 0, "divergent");
    expect_found_on_vectors("different_shuffles", 32, 0, "divergent");
}
TEST(different_meetings_of_one_warp_are_found) { expect_found_on_vectors("different_meetings", 32, 0, "divergent"); }
TEST(a_misaligned_load_is_found) { expect_found_on_vectors("misaligned_load", 32, 0, "misaligned"); }
TEST(unwritten_shared_memory_is_found) { expect_found_on_vectors("reads_unwritten_shared", 32, 128, "uninitialised read of shared memory"); }
TEST(a_write_past_shared_memory_is_found) { expect_found_on_vectors("past_shared", 32, 128, "shared memory out of bounds"); }
TEST(a_wild_pointer_is_found) { expect_found_on_vectors("writes_nowhere", 32, 0, "out of bounds"); }
TEST(a_product_of_what_no_fence_shows_its_proxy_is_found) {
    expect_found_on_vectors("warpgroup_no_proxy_fence", 128, 8192, "no fence between the proxies");
    expect_found_on_vectors("warpgroup_fence_before_the_store", 128, 8192, "no fence between the proxies");
}
TEST(a_product_of_what_no_barrier_orders_is_found) { expect_found_on_vectors("warpgroup_no_barrier", 128, 8192, "shared memory"); }
TEST(a_product_without_its_fence_is_found) { expect_found_on_vectors("warpgroup_no_fence", 128, 8192, "wgmma_fence"); }
TEST(a_product_that_nobody_awaits_is_found) {
    expect_found_on_vectors("warpgroup_not_awaited", 128, 8192, "product not awaited");
    expect_found_on_vectors("warpgroup_never_awaited", 128, 8192, "product not awaited");
}
TEST(a_store_over_what_a_product_reads_is_found) { expect_found_on_vectors("warpgroup_overwritten", 128, 8192, "race on shared memory"); }
TEST(warps_with_products_of_their_own_are_found) { expect_found_on_vectors("warpgroup_different", 128, 8192, "different products"); }
TEST(what_comes_after_an_arrival_is_not_ordered) { expect_found_on_vectors("arrives_too_early", 64, 512, "shared memory"); }
TEST(a_barrier_that_is_left_half_met_is_found) { expect_found_on_vectors("arrives_where_nobody_waits", 64, 0, "32 of 64 threads at barrier 3"); }
TEST(a_trap_is_found) { expect_found_on_vectors("traps", 32, 0, "trapped"); }

TEST(a_missing_barrier_is_found_in_every_order) {
    for (uint64_t seed = 1; seed < 20; seed++) {
        srv_emulator_set_seed(seed);
        expect_found_on_vectors("sum_missing_barrier", 128, 16, "shared memory");
        expect_found_on_vectors("ring_no_second_barrier", 64, 256, "race on shared memory");
        srv_emulator_set_seed(0);
    }
}

TEST(an_unmasked_tail_is_found) {
    Device device;
    const Vector params{device.upload(std::vector<float>(1000, 1.0f)), device.allocate(4000), 1000};
    EXPECT_EQUAL(0, device.launch("scale_right", 8, 128, 0, params));
    EXPECT_EQUAL(0, cuCtxSynchronize());
    expect_found(device, "scale_unmasked_tail", 8, 128, 0, params, "out of bounds");
}

TEST(an_off_by_one_page_is_found) {
    Device device;
    const Paged params{device.upload(std::vector<float>(16 * 8, 1.0f)), device.upload(std::vector<uint32_t>{3, 1, 7, 0}), device.allocate(4 * 16 * 4), 4};
    EXPECT_EQUAL(0, device.launch("pages_right", 4, 16, 0, params));
    EXPECT_EQUAL(0, cuCtxSynchronize());
    expect_found(device, "pages_off_by_one", 4, 16, 0, params, "out of bounds");
}

TEST(an_unwritten_page_is_found) {
    Device device;
    const uint64_t pages = device.upload(std::vector<float>(16 * 8, 1.0f));
    EXPECT_EQUAL(0, cuCtxSynchronize());
    EXPECT_EQUAL(0, srv_emulator_forget_written(pages + 7 * 64, 64));
    const Paged params{pages, device.upload(std::vector<uint32_t>{3, 1, 7, 0}), device.allocate(4 * 16 * 4), 4};
    expect_found(device, "pages_right", 4, 16, 0, params, "uninitialised read");
}

TEST(a_wait_that_never_ends_is_found) {
    Device device;
    srv_emulator_set_access_limit(100000);
    const Vector params{device.upload(std::vector<float>(32, 0.0f)), device.allocate(128), 32};
    EXPECT_EQUAL(0, device.launch("waits_for_a_flag", 2, 32, 0, params));
    EXPECT_EQUAL(illegal_address, cuCtxSynchronize());
    srv_emulator_set_access_limit(int64_t{1} << 33);
    EXPECT(findings().find("does not end: waits_for_a_flag") != std::string::npos);
}

TEST(unwritten_memory_is_found) {
    Device device;
    expect_found(device, "reads_x", 1, 32, 0, Vector{device.allocate(128), device.allocate(128), 32}, "uninitialised read");
}

TEST(a_use_after_free_is_found) {
    Device device;
    const Vector params{device.upload(std::vector<float>(32, 1.0f)), device.allocate(128), 32};
    EXPECT_EQUAL(0, cuMemFree_v2(params.x));
    expect_found(device, "reads_x", 1, 32, 0, params, "use after free");
}
