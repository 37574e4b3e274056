// Kernels that need not wait for the one before them on their stream: what they may touch before they wait by themselves.
#include "driver.h"
#include "params.h"

using namespace tests;

namespace {

constexpr int illegal_address = 700, not_supported = 801;
constexpr const char* words = "producers not awaited";

// Three buffers, the first of ones.
struct Buffers {
    Device device;
    uint64_t x = device.upload(std::vector<float>(256, 1.0f)), y = device.allocate(1024), z = device.allocate(1024), w = device.allocate(1024);
    Vector from_x{x, y, 256}, from_y{y, z, 256}, from_z{z, w, 256};

    void expect_found() {
        EXPECT_EQUAL(illegal_address, cuCtxSynchronize());
        if (findings().find(words) == std::string::npos) throw Failure{"found: " + findings()};
    }

    void expect_scaled(uint64_t address, float value) {
        EXPECT_EQUAL(0, cuCtxSynchronize());
        EXPECT_EQUAL(value, device.download<float>(address, 256)[255]);
        EXPECT_EQUAL(0, cuCtxSynchronize());
    }
};

}  // namespace

TEST(early_kernels_that_wait_are_right) {
    Buffers on;
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x));
    EXPECT_EQUAL(0, on.device.launch_early("scale_awaited", 2, 128, 0, on.from_y));
    EXPECT_EQUAL(0, on.device.launch_early("scale_awaited", 2, 128, 0, on.from_z));
    on.expect_scaled(on.w, 8.0f);
}

TEST(what_no_kernel_beside_it_writes_can_be_read_ahead) {
    Buffers on;
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x));
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_y));
    EXPECT_EQUAL(0, on.device.launch_early("scale_read_ahead", 2, 128, 0, Vector{on.y, on.w, 256}));
    on.expect_scaled(on.w, 4.0f);
}

TEST(reading_ahead_of_the_kernel_before_is_found) {
    Buffers on;
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x));
    EXPECT_EQUAL(0, on.device.launch_early("scale_read_ahead", 2, 128, 0, on.from_y));
    on.expect_found();
}

TEST(reading_ahead_of_what_may_run_beside_the_kernel_before_is_found) {
    Buffers on;
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x));
    EXPECT_EQUAL(0, on.device.launch_early("scale_awaited", 2, 128, 0, on.from_y));
    EXPECT_EQUAL(0, on.device.launch_early("scale_read_ahead", 2, 128, 0, Vector{on.y, on.w, 256}));
    on.expect_found();
}

TEST(writing_without_waiting_is_found) {
    Buffers on;
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x));
    EXPECT_EQUAL(0, on.device.launch_early("scale_right", 2, 128, 0, Vector{on.x, on.w, 256}));
    on.expect_found();
}

TEST(returning_without_waiting_is_found) {
    Buffers on;
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x));
    EXPECT_EQUAL(0, on.device.launch_early("scale_right", 2, 128, 0, Vector{on.y, on.z, 0}));  // touches nothing: whoever comes behind it would not know of the first
    on.expect_found();
}

TEST(a_graph_keeps_which_kernel_is_early_behind_which) {
    Buffers on;
    void* const capturing = stream();
    EXPECT_EQUAL(0, cuCtxSynchronize());
    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(capturing, 0));
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x, capturing));
    EXPECT_EQUAL(0, on.device.launch_early("scale_read_ahead", 2, 128, 0, Vector{on.x, on.z, 256}, capturing));
    EXPECT_EQUAL(0, on.device.launch_early("scale_read_ahead", 2, 128, 0, Vector{on.y, on.w, 256}, capturing));
    void *graph, *executable;
    EXPECT_EQUAL(0, cuStreamEndCapture(capturing, &graph));
    EXPECT_EQUAL(0, cuGraphInstantiateWithFlags(&executable, graph, 0));
    EXPECT_EQUAL(0, cuGraphLaunch(executable, capturing));
    on.expect_found();
}

TEST(a_kernel_behind_two_is_not_launched_early) {
    Buffers on;
    void *const capturing = stream(), *const beside = stream();
    void *forked, *joined;
    EXPECT_EQUAL(0, cuEventCreate(&forked, 2));
    EXPECT_EQUAL(0, cuEventCreate(&joined, 2));
    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(capturing, 0));
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, on.from_x, capturing));
    EXPECT_EQUAL(0, cuEventRecord(forked, capturing));
    EXPECT_EQUAL(0, cuStreamWaitEvent(beside, forked, 0));
    EXPECT_EQUAL(0, on.device.launch("scale_right", 2, 128, 0, Vector{on.x, on.z, 256}, beside));
    EXPECT_EQUAL(0, on.device.launch_early("scale_awaited", 2, 128, 0, Vector{on.y, on.w, 256}, capturing));
    EXPECT_EQUAL(0, cuEventRecord(joined, beside));
    EXPECT_EQUAL(0, cuStreamWaitEvent(capturing, joined, 0));
    EXPECT_EQUAL(not_supported, on.device.launch_early("scale_awaited", 2, 128, 0, Vector{on.y, on.w, 256}, capturing));
    void* graph;
    EXPECT_EQUAL(0, cuStreamEndCapture(capturing, &graph));
}
