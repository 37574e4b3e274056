// The driver's semantics: what is asynchronous is not done early, events and graphs order work, errors have their codes and stay.
#include <cstring>

#include "driver.h"
#include "params.h"

using namespace tests;

namespace {

enum { invalid_value = 1, out_of_memory = 2, invalid_context = 201, invalid_image = 200, invalid_handle = 400, not_found = 500, not_ready = 600,
       illegal_address = 700, launch_failed = 719, capture_unsupported = 900, capture_invalidated = 901, capture_unjoined = 904, capture_isolation = 905 };

// Page-locked floats, all of one value.
struct Pinned {
    explicit Pinned(size_t size, float value) : count(size) {
        void* memory;
        EXPECT_EQUAL(0, cuMemHostAlloc(&memory, count * 4, 0));
        data = static_cast<float*>(memory);
        fill(value);
    }

    void fill(float value) {
        for (size_t i = 0; i < count; i++) data[i] = value;
    }

    size_t bytes() const { return count * 4; }

    float* data;
    size_t count;
};

void* event() {
    void* event;
    EXPECT_EQUAL(0, cuEventCreate(&event, 0));
    return event;
}

Vector scale(Device& device, size_t count) { return {device.allocate(count * 4), device.allocate(count * 4), static_cast<uint32_t>(count)}; }

}  // namespace

TEST(a_kernel_has_not_run_before_a_synchronisation) {
    Device device;
    const Seed late(0);
    void* const s = stream();
    const Vector params = scale(device, 128);
    Pinned in(128, 1.0f), out(128, 0.0f);
    EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(params.x, in.data, in.bytes(), s));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, s));
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(out.data, params.y, out.bytes(), s));
    EXPECT_EQUAL(0.0f, out.data[0]);
    EXPECT_EQUAL(0, cuStreamSynchronize(s));
    EXPECT_EQUAL(2.0f, out.data[127]);
}

TEST(pinned_memory_is_read_when_the_copy_runs) {
    Device device;
    const Seed late(0);
    void* const s = stream();
    const Vector params = scale(device, 128);
    Pinned in(128, 1.0f), out(128, 0.0f);
    EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(params.x, in.data, in.bytes(), s));
    in.fill(5.0f);  // too early: the mistake that late reading shows
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, s));
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(out.data, params.y, out.bytes(), s));
    EXPECT_EQUAL(0, cuStreamSynchronize(s));
    EXPECT_EQUAL(10.0f, out.data[0]);
}

TEST(parameters_are_copied_at_launch) {
    Device device;
    Vector params = scale(device, 128);
    EXPECT_EQUAL(0, cuMemsetD8Async(params.x, 0, 512, nullptr));
    EXPECT_EQUAL(0, cuMemsetD8Async(params.y, 1, 512, nullptr));
    void* arguments[] = {&params};
    EXPECT_EQUAL(0, cuLaunchKernel(device.function("scale_right"), 1, 1, 1, 128, 1, 1, 0, nullptr, arguments, nullptr));
    const uint64_t y = params.y;
    std::memset(&params, 0xee, sizeof params);
    EXPECT_EQUAL(0.0f, device.download<float>(y, 128)[5]);
}

TEST(streams_run_apart_until_an_event_orders_them) {
    Device device;
    const Seed late(0);
    void *const first = stream(), *const second = stream(), *const recorded = event();
    const Vector params = scale(device, 128);
    Pinned in(128, 1.0f), out(128, 0.0f);
    EXPECT_EQUAL(0, cuMemsetD8Async(params.y, 0, 512, first));
    EXPECT_EQUAL(0, cuStreamSynchronize(first));

    EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(params.x, in.data, in.bytes(), first));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, first));
    EXPECT_EQUAL(0, cuEventRecord(recorded, first));
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(out.data, params.y, out.bytes(), second));
    EXPECT_EQUAL(0, cuStreamSynchronize(second));
    EXPECT_EQUAL(0.0f, out.data[0]);  // nothing ordered it after the kernel

    EXPECT_EQUAL(0, cuStreamWaitEvent(second, recorded, 0));
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(out.data, params.y, out.bytes(), second));
    EXPECT_EQUAL(0, cuStreamSynchronize(second));
    EXPECT_EQUAL(2.0f, out.data[0]);
}

// The other way round: a stream that is too early is as legal as one that is too late.
TEST(a_missing_wait_shows_in_some_order) {
    int early = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        Device device;
        const Seed drawn(seed);
        void *const first = stream(), *const second = stream(), *const recorded = event();
        const Vector params = scale(device, 128);
        EXPECT_EQUAL(0, cuMemsetD8Async(params.x, 0, 512, first));
        EXPECT_EQUAL(0, cuStreamSynchronize(first));
        const std::vector<float> ones(128, 1.0f);
        EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(params.x, ones.data(), 512, first));
        EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, second));  // reads what the first writes, and should have waited
        EXPECT_EQUAL(0, cuEventRecord(recorded, second));
        EXPECT_EQUAL(0, cuStreamWaitEvent(first, recorded, 0));
        EXPECT_EQUAL(0, cuStreamSynchronize(first));
        const float y = device.download<float>(params.y, 128)[5];
        EXPECT(y == 0.0f || y == 2.0f);
        if (seed == 0) EXPECT_EQUAL(2.0f, y);
        early += y == 0.0f;
    }
    EXPECT(early > 0 && early < 19);
}

TEST(a_query_makes_progress_and_an_event_is_done_after_it) {
    Device device;
    const Seed late(0);
    void *const s = stream(), *const recorded = event();
    const Vector params = scale(device, 128);
    EXPECT_EQUAL(0, cuMemsetD8Async(params.x, 0, 512, s));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, s));
    EXPECT_EQUAL(0, cuEventRecord(recorded, s));
    int queries = 0;
    while (cuEventQuery(recorded) == not_ready) queries++;
    EXPECT_EQUAL(3, queries);
    EXPECT_EQUAL(0, cuEventQuery(recorded));
    EXPECT_EQUAL(0, cuStreamQuery(s));
    EXPECT_EQUAL(0, cuEventQuery(event()));  // never recorded
}

TEST(the_default_stream_waits_for_blocking_streams) {
    Device device;
    void* blocking;
    EXPECT_EQUAL(0, cuStreamCreateWithPriority(&blocking, 0, 0));
    const Vector params = scale(device, 128);
    EXPECT_EQUAL(0, cuMemsetD8Async(params.x, 0, 512, blocking));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, blocking));
    EXPECT_EQUAL(0.0f, device.download<float>(params.y, 128)[0]);
    EXPECT(findings().empty());
}

TEST(a_graph_replays_with_what_memory_holds_then) {
    Device device;
    void *const s = stream(), *const side = stream(), *const fork = event(), *const join = event();
    const Vector params = scale(device, 128);
    const Vector other{params.x, device.allocate(512), 128};
    Pinned in(128, 1.0f), out(128, 0.0f), side_out(128, 0.0f);
    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(s, 1));
    EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(params.x, in.data, in.bytes(), s));
    EXPECT_EQUAL(0, cuEventRecord(fork, s));
    EXPECT_EQUAL(0, cuStreamWaitEvent(side, fork, 0));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, other, side));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, s));
    EXPECT_EQUAL(0, cuEventRecord(join, side));
    EXPECT_EQUAL(0, cuStreamWaitEvent(s, join, 0));
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(out.data, params.y, out.bytes(), s));
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(side_out.data, other.y, out.bytes(), s));
    void *graph, *executable;
    EXPECT_EQUAL(0, cuStreamEndCapture(s, &graph));
    EXPECT_EQUAL(0, cuGraphInstantiateWithFlags(&executable, graph, 0));
    EXPECT_EQUAL(0, cuGraphDestroy(graph));
    EXPECT_EQUAL(0.0f, out.data[0]);  // captured, not run
    for (uint64_t seed = 0; seed < 8; seed++) {
        srv_emulator_set_seed(seed);
        in.fill(static_cast<float>(seed + 3));
        EXPECT_EQUAL(0, cuGraphLaunch(executable, s));
        EXPECT_EQUAL(0, cuStreamSynchronize(s));
        EXPECT_EQUAL(2.0f * static_cast<float>(seed + 3), out.data[0]);
        EXPECT_EQUAL(out.data[0], side_out.data[127]);
    }
    srv_emulator_set_seed(0);
    EXPECT_EQUAL(0, cuGraphExecDestroy(executable));
    EXPECT_EQUAL(invalid_value, cuGraphLaunch(executable, s));
}

TEST(a_capture_refuses_what_a_device_refuses) {
    Device device;
    void *const s = stream(), *const side = stream(), *const fork = event();
    const Vector params = scale(device, 128);
    void* graph;
    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(s, 1));
    EXPECT_EQUAL(capture_unsupported, cuStreamSynchronize(s));
    EXPECT_EQUAL(capture_invalidated, cuStreamEndCapture(s, &graph));

    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(s, 0));
    uint64_t address;
    EXPECT_EQUAL(capture_unsupported, cuMemAlloc_v2(&address, 512));
    EXPECT_EQUAL(capture_invalidated, cuStreamEndCapture(s, &graph));

    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(s, 1));
    EXPECT_EQUAL(0, cuEventRecord(fork, s));
    EXPECT_EQUAL(0, cuStreamWaitEvent(side, fork, 0));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, side));
    EXPECT_EQUAL(capture_unjoined, cuStreamEndCapture(s, &graph));

    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, side));
    EXPECT_EQUAL(0, cuEventRecord(fork, side));
    EXPECT_EQUAL(0, cuStreamBeginCapture_v2(s, 1));
    EXPECT_EQUAL(capture_isolation, cuStreamWaitEvent(s, fork, 0));
    EXPECT_EQUAL(capture_invalidated, cuStreamEndCapture(s, &graph));
}

TEST(calls_are_refused_with_the_drivers_codes) {
    Device device;
    void *function, *module;
    EXPECT_EQUAL(not_found, cuModuleGetFunction(&function, device.module, "no_such_kernel"));
    EXPECT_EQUAL(invalid_image, cuModuleLoadDataEx(&module, "neither", 0, nullptr, nullptr));
    EXPECT_EQUAL(invalid_handle, cuStreamSynchronize(&device));
    EXPECT_EQUAL(invalid_handle, cuEventRecord(&device, nullptr));
    const Vector params = scale(device, 128);
    EXPECT_EQUAL(invalid_value, device.launch("scale_right", 0, 128, 0, params));
    EXPECT_EQUAL(invalid_value, device.launch("scale_right", 1, 129, 0, params));
    EXPECT_EQUAL(invalid_value, device.launch("scale_right", 1, 128, 49 << 10, params));
    EXPECT_EQUAL(0, cuFuncSetAttribute(device.function("scale_right"), 8, 64 << 10));
    EXPECT_EQUAL(0, cuMemsetD8Async(params.x, 0, 512, nullptr));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 49 << 10, params));
    EXPECT_EQUAL(0, cuCtxSynchronize());
    EXPECT_EQUAL(invalid_value, cuMemsetD8Async(params.x, 0, 513, nullptr));
    EXPECT_EQUAL(invalid_value, cuMemFree_v2(params.x + 4));
    EXPECT_EQUAL(0, cuMemFree_v2(params.x));
    EXPECT_EQUAL(invalid_value, cuMemFree_v2(params.x));
    EXPECT_EQUAL(0, cuCtxSetCurrent(nullptr));
    EXPECT_EQUAL(invalid_context, cuCtxSynchronize());
}

TEST(a_module_of_ptx_has_the_functions_that_it_names) {
    Device device;
    void *module, *function;
    const char* text = ".version 7.8\n.target sm_80\n.visible .entry scale_right(\n\t.param .align 8 .b8 scale_right_param_0[24]\n)\n.entry sum_right(.param .align 8 .b8 x[16])";
    EXPECT_EQUAL(0, cuModuleLoadDataEx(&module, text, 0, nullptr, nullptr));
    EXPECT_EQUAL(0, cuModuleGetFunction(&function, module, "scale_right"));
    EXPECT_EQUAL(218, cuModuleGetFunction(&function, module, "sum_right"));  // made from other parameters than the library's
    EXPECT_EQUAL(not_found, cuModuleGetFunction(&function, module, "scale"));
    EXPECT_EQUAL(not_found, cuModuleGetFunction(&function, module, "scale_unmasked_tail"));
    EXPECT_EQUAL(0, cuModuleUnload(module));
    EXPECT_EQUAL(invalid_handle, cuModuleGetFunction(&function, module, "scale_right"));
}

TEST(memory_has_an_end) {
    Device device;
    srv_emulator_set_memory(1 << 20);
    uint64_t first, second;
    size_t free, total;
    EXPECT_EQUAL(0, cuMemAlloc_v2(&first, 800 << 10));
    EXPECT_EQUAL(out_of_memory, cuMemAlloc_v2(&second, 400 << 10));
    EXPECT_EQUAL(0, cuMemGetInfo_v2(&free, &total));
    EXPECT_EQUAL(size_t{1} << 20, total);
    EXPECT_EQUAL(size_t{224} << 10, free);
    EXPECT_EQUAL(0, cuMemFree_v2(first));
    EXPECT_EQUAL(0, cuMemAlloc_v2(&second, 400 << 10));
    EXPECT(first != second);  // freed addresses are used again as late as can be
    srv_emulator_set_memory(size_t{4} << 30);
}

TEST(a_planted_failure_comes_when_it_was_asked_for_and_stays) {
    Device device;
    void* const s = stream();
    const Vector params = scale(device, 128);
    EXPECT_EQUAL(0, cuMemsetD8Async(params.x, 0, 512, s));
    EXPECT_EQUAL(0, cuStreamSynchronize(s));
    srv_emulator_fail_after(0, 1, launch_failed);
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, s));
    EXPECT_EQUAL(0, device.launch("scale_right", 1, 128, 0, params, s));
    EXPECT_EQUAL(launch_failed, cuStreamSynchronize(s));
    uint64_t address;
    EXPECT_EQUAL(launch_failed, cuMemAlloc_v2(&address, 512));
    const char* name;
    EXPECT_EQUAL(0, cuGetErrorName(launch_failed, &name));
    EXPECT_EQUAL(0, std::strcmp(name, "CUDA_ERROR_LAUNCH_FAILED"));
    // What made the device fail is said by every later failure of it, also when it is opened again.
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRelease_v2(0));
    void* context;
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRetain(&context, 0));
    EXPECT_EQUAL(launch_failed, cuMemAlloc_v2(&address, 512));
    const char* text;
    EXPECT_EQUAL(0, cuGetErrorString(launch_failed, &text));
    EXPECT(std::strstr(text, "unspecified launch failure; planted: ") == text);
    EXPECT_EQUAL(0, cuGetErrorString(illegal_address, &text));
    EXPECT_EQUAL(0, std::strcmp(text, "an illegal memory access was encountered"));
    srv_emulator_reset(0);
    EXPECT_EQUAL(0, cuMemAlloc_v2(&address, 512));
    EXPECT_EQUAL(0, cuGetErrorString(launch_failed, &text));
    EXPECT_EQUAL(0, std::strcmp(text, "unspecified launch failure"));
}

TEST(memory_from_before_a_reset_is_nobodys) {
    Device device;
    uint64_t before, after;
    EXPECT_EQUAL(0, cuMemAlloc_v2(&before, 512));
    srv_emulator_reset(0);
    EXPECT_EQUAL(0, cuMemAlloc_v2(&after, 512));
    EXPECT(before != after);
    EXPECT_EQUAL(invalid_value, cuMemFree_v2(before));
    EXPECT_EQUAL(0, cuMemFree_v2(after));
}

TEST(handles_from_before_a_reset_are_nobodys) {
    Device device;
    void *const first = stream(), *const marked = event();
    srv_emulator_reset(0);
    for (int i = 0; i < 64; i++) {
        EXPECT(stream() != first);
        EXPECT(event() != marked);
    }
    EXPECT_EQUAL(invalid_handle, cuStreamDestroy_v2(first));
    EXPECT_EQUAL(invalid_handle, cuEventDestroy_v2(marked));
    EXPECT_EQUAL(invalid_handle, cuStreamSynchronize(marked));
}

TEST(pinned_memory_that_goes_under_a_copy_is_found) {
    Device device;
    const Seed late(0);
    const Vector params = scale(device, 128);
    void* const s = stream();
    Pinned awaited(128, 1.0f), forgotten(128, 1.0f);
    EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(params.x, awaited.data, awaited.bytes(), s));
    EXPECT_EQUAL(0, cuStreamSynchronize(s));
    EXPECT_EQUAL(0, cuMemFreeHost(awaited.data));
    EXPECT(findings().empty());
    EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(forgotten.data, params.x, forgotten.bytes(), s));
    EXPECT_EQUAL(0, cuMemFreeHost(forgotten.data));
    EXPECT(findings().find("use after free: cuMemFreeHost") == 0);
    srv_emulator_clear_findings(0);
}

TEST(a_refused_call_does_nothing_and_the_device_goes_on) {
    Device device;
    uint64_t first, second;
    void* made;
    EXPECT_EQUAL(0, srv_emulator_refuse_after(0, 1, out_of_memory));
    EXPECT_EQUAL(0, cuMemAlloc_v2(&first, 512));
    EXPECT_EQUAL(0, cuCtxSynchronize());  // takes nothing
    EXPECT_EQUAL(out_of_memory, cuStreamCreateWithPriority(&made, 1, 0));
    EXPECT_EQUAL(0, cuMemAlloc_v2(&second, 512));
    EXPECT_EQUAL(0, srv_emulator_refuse_after(0, 5, out_of_memory));
    EXPECT_EQUAL(1, srv_emulator_refuse_after(0, 0, 0));
    EXPECT_EQUAL(0, cuMemFree_v2(first));
    EXPECT_EQUAL(0, cuMemFree_v2(second));
    EXPECT(findings().empty());
}

TEST(what_is_held_is_counted_until_it_is_given_back) {
    Device device;
    const auto held = [] {
        std::string text(65536, 0);
        srv_emulator_held(text.data(), static_cast<int32_t>(text.size()));
        return std::string(text.c_str());
    };
    const std::string before = held();
    uint64_t address;
    void *const s = stream(), *const recorded = event();
    EXPECT_EQUAL(0, cuMemAlloc_v2(&address, 512));
    for (const char* what : {"device 0: 1 allocations", "device 0: 1 streams", "device 0: 1 events"}) EXPECT(held().find(what) != std::string::npos);
    EXPECT_EQUAL(0, cuMemFree_v2(address));
    EXPECT_EQUAL(0, cuEventDestroy_v2(recorded));
    EXPECT_EQUAL(0, cuStreamDestroy_v2(s));
    EXPECT(held() == before);
}

TEST(devices_are_apart) {
    Device device;
    void* other;
    int count;
    EXPECT_EQUAL(0, cuDeviceGetCount(&count));
    EXPECT_EQUAL(2, count);
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRetain(&other, 1));
    EXPECT_EQUAL(0, cuCtxSetCurrent(other));
    srv_emulator_fail_after(1, 0, illegal_address);
    uint64_t there;
    EXPECT_EQUAL(0, cuMemAlloc_v2(&there, 512));
    EXPECT_EQUAL(0, cuMemsetD8Async(there, 0, 512, nullptr));
    EXPECT_EQUAL(illegal_address, cuCtxSynchronize());
    Device again;
    EXPECT_EQUAL(0, cuCtxSynchronize());
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRelease_v2(1));
}
