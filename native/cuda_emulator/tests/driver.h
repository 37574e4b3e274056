// The driver as a program sees it, and what the tests need around it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "../include/serving_cuda_emulator.h"

extern "C" {
int cuInit(unsigned flags);
int cuDeviceGetCount(int* count);
int cuDevicePrimaryCtxRetain(void** context, int device);
int cuDevicePrimaryCtxRelease_v2(int device);
int cuCtxSetCurrent(void* context);
int cuCtxSynchronize();
int cuMemGetInfo_v2(size_t* free, size_t* total);
int cuModuleLoadDataEx(void** module, const void* image, unsigned count, int* options, void** values);
int cuModuleUnload(void* module);
int cuModuleGetFunction(void** function, void* module, const char* name);
int cuFuncSetAttribute(void* function, int attribute, int value);
int cuMemAlloc_v2(uint64_t* address, size_t bytes);
int cuMemFree_v2(uint64_t address);
int cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags);
int cuMemFreeHost(void* pointer);
int cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t bytes, void* stream);
int cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t bytes, void* stream);
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void* stream);
int cuMemsetD8Async(uint64_t address, uint8_t value, size_t bytes, void* stream);
int cuStreamCreateWithPriority(void** stream, unsigned flags, int priority);
int cuStreamDestroy_v2(void* stream);
int cuStreamSynchronize(void* stream);
int cuStreamQuery(void* stream);
int cuStreamWaitEvent(void* stream, void* event, unsigned flags);
int cuEventCreate(void** event, unsigned flags);
int cuEventRecord(void* event, void* stream);
int cuEventQuery(void* event);
int cuEventSynchronize(void* event);
int cuEventElapsedTime(float* milliseconds, void* start, void* end);
int cuEventDestroy_v2(void* event);
int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void* stream, void** params, void** extra);
int cuLaunchKernelEx(const void* config, void* function, void** params, void** extra);
int cuStreamBeginCapture_v2(void* stream, int mode);
int cuStreamEndCapture(void* stream, void** graph);
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags);
int cuGraphLaunch(void* executable, void* stream);
int cuGraphExecDestroy(void* executable);
int cuGraphDestroy(void* graph);
int cuGetErrorName(int error, const char** name);
int cuGetErrorString(int error, const char** text);
int cublasLtCreate(void** handle);
int cublasLtDestroy(void* handle);
int cublasLtMatmulDescCreate(void** description, int compute, int scale);
int cublasLtMatmulDescSetAttribute(void* description, int attribute, const void* value, size_t bytes);
int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t columns, int64_t stride);
int cublasLtMatmulPreferenceCreate(void** preference);
int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, size_t bytes);
int cublasLtMatmulAlgoGetHeuristic(void* handle, void* description, void* a, void* b, void* c, void* d, void* preference, int wanted, void* results, int* found);
int cublasLtMatmul(void* handle, void* description, const void* alpha, uint64_t a, void* a_layout, uint64_t b, void* b_layout, const void* beta, uint64_t c,
                   void* c_layout, uint64_t d, void* d_layout, const void* algorithm, uint64_t workspace, size_t workspace_bytes, void* stream);
}

namespace tests {

// A case fails by the first expectation that does not hold; its place and values are what is printed.
struct Failure {
    std::string text;
};

#define EXPECT(condition)                                                                                                            \
    do {                                                                                                                             \
        if (!(condition)) throw tests::Failure{std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": " #condition};            \
    } while (0)

template <class Expected, class Actual>
void expect_equal(Expected expected, Actual actual, const char* place, const char* what) {
    if (!(expected == actual)) throw Failure{std::string(place) + ": " + what + " is " + std::to_string(actual) + " instead of " + std::to_string(expected)};
}

#define SRV_TEXT_OF(line) #line
#define SRV_LINE(line) SRV_TEXT_OF(line)
#define EXPECT_EQUAL(expected, actual) tests::expect_equal(expected, actual, __FILE__ ":" SRV_LINE(__LINE__), #actual)

struct Case {
    Case(const char* name, void (*run)()) : name(name), run(run) { all().push_back(this); }

    static std::vector<Case*>& all() {
        static std::vector<Case*> cases;
        return cases;
    }

    const char* name;
    void (*run)();
};

#define TEST(name)                                      \
    static void name();                                 \
    static const tests::Case name##_case(#name, name);  \
    static void name()

// Device 0, reset, with its context current.
struct Device {
    Device();

    uint64_t allocate(size_t bytes);

    template <class T>
    uint64_t upload(const std::vector<T>& values) {
        const uint64_t address = allocate(values.size() * sizeof(T));
        EXPECT_EQUAL(0, cuMemcpyHtoDAsync_v2(address, values.data(), values.size() * sizeof(T), nullptr));
        return address;
    }

    template <class T>
    std::vector<T> download(uint64_t address, size_t count) {
        std::vector<T> values(count);
        EXPECT_EQUAL(0, cuMemcpyDtoHAsync_v2(values.data(), address, count * sizeof(T), nullptr));
        return values;
    }

    void* function(const char* name);

    template <class Params>
    int launch(const char* name, unsigned blocks, unsigned threads, unsigned shared, Params params, void* stream = nullptr) {
        void* arguments[] = {&params};
        return cuLaunchKernel(function(name), blocks, 1, 1, threads, 1, 1, shared, stream, arguments, nullptr);
    }

    // One that need not wait for the kernel before it on its stream.
    template <class Params>
    int launch_early(const char* name, unsigned blocks, unsigned threads, unsigned shared, Params params, void* stream = nullptr) {
        struct {
            int id = 6;
            alignas(8) int value[16] = {1};
        } attribute;
        struct {
            unsigned grid[3], block[3], shared;
            void* stream;
            const void* attributes;
            unsigned count;
        } config{{blocks, 1, 1}, {threads, 1, 1}, shared, stream, &attribute, 1};
        void* arguments[] = {&params};
        return cuLaunchKernelEx(&config, function(name), arguments, nullptr);
    }

    void* module;
};

// A seed, for as long as this lives; then that of the environment again.
struct Seed {
    explicit Seed(uint64_t seed) { srv_emulator_set_seed(seed); }
    ~Seed();
    Seed(const Seed&) = delete;
    Seed& operator=(const Seed&) = delete;
};

// All findings of device 0 in one text.
std::string findings();

void* stream();

}  // namespace tests
