#include "settings.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "checks/global_memory.h"

namespace emulator {

namespace {

unsigned long long variable(const char* name, unsigned long long otherwise) {
    const char* text = std::getenv(name);
    return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

Settings::Settings()
    : devices(static_cast<int>(std::clamp(variable("SRV_EMULATOR_DEVICES", 2), 1ull, static_cast<unsigned long long>(GlobalMemory::max_devices)))),
      memory_bytes(std::clamp(variable("SRV_EMULATOR_MEMORY_MIB", 4096), 1ull, 32768ull) << 20),
      seed(variable("SRV_EMULATOR_SEED", 0)),
      checked(variable("SRV_EMULATOR_CHECKS", 1) != 0),
      host_threads(static_cast<int>(std::clamp(variable("SRV_EMULATOR_THREADS", std::min(std::thread::hardware_concurrency(), 4u)), 1ull, 16ull))),
      access_limit(int64_t{1} << 33) {}

Settings settings;

}  // namespace emulator
