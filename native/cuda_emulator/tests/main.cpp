// emulator_tests [CASE]: runs all cases, or one; a line for each, exit status 1 when one failed. --list names them.
#include <cstdlib>
#include <cstring>

#include "driver.h"

namespace tests {

Device::Device() {
    void* context;
    EXPECT_EQUAL(0, cuInit(0));
    srv_emulator_reset(-1);
    EXPECT_EQUAL(0, cuDevicePrimaryCtxRetain(&context, 0));
    EXPECT_EQUAL(0, cuCtxSetCurrent(context));
    EXPECT_EQUAL(0, cuModuleLoadDataEx(&module, "serving cuda emulator", 0, nullptr, nullptr));
}

uint64_t Device::allocate(size_t bytes) {
    uint64_t address;
    EXPECT_EQUAL(0, cuMemAlloc_v2(&address, bytes));
    return address;
}

void* Device::function(const char* name) {
    void* function;
    EXPECT_EQUAL(0, cuModuleGetFunction(&function, module, name));
    return function;
}

Seed::~Seed() {
    const char* text = std::getenv("SRV_EMULATOR_SEED");
    srv_emulator_set_seed(text ? std::strtoull(text, nullptr, 10) : 0);
}

std::string findings() {
    std::string text(65536, 0);
    srv_emulator_findings(0, text.data(), static_cast<int32_t>(text.size()));
    return text.c_str();
}

void* stream() {
    void* stream;
    EXPECT_EQUAL(0, cuStreamCreateWithPriority(&stream, 1, 0));
    return stream;
}

}  // namespace tests

int main(int count, char** arguments) {
    const char* only = count > 1 ? arguments[1] : nullptr;
    int failed = 0, ran = 0;
    for (const tests::Case* c : tests::Case::all()) {
        if (only && std::strcmp(only, "--list") == 0) {
            std::printf("%s\n", c->name);
            ran++;
            continue;
        }
        if (only && std::strcmp(only, c->name) != 0) continue;
        ran++;
        try {
            c->run();
            std::printf("ok %s\n", c->name);
        } catch (const tests::Failure& failure) {
            std::printf("FAILED %s: %s\n", c->name, failure.text.c_str());
            failed++;
        }
        std::fflush(stdout);
    }
    if (ran == 0) std::printf("no such case\n");
    return failed > 0 || ran == 0;
}
