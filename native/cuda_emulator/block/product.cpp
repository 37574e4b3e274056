#include "product.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../checks/access.h"

namespace emulator {

namespace {

constexpr uint32_t columns = 64, depth = 16, panel_line = 128, atom = 1024, chunk = 8;  // elements that lie side by side whatever the swizzle

float from_bf16(uint16_t bits) { return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16); }

// A descriptor as the PTX ISA lays it out ("Matrix Descriptor Format"); the address is one in the block's shared memory.
struct Operand {
    uint32_t start, leading, stride, base, swizzle;

    explicit Operand(uint64_t bits)
        : start(static_cast<uint32_t>(bits & 0x3fff) << 4), leading(static_cast<uint32_t>(bits >> 16 & 0x3fff) << 4), stride(static_cast<uint32_t>(bits >> 32 & 0x3fff) << 4),
          base(bits >> 49 & 7), swizzle(bits >> 62) {}

    // Where an element lies: the swizzle is one of the address's own bits, 16-byte chunks by the line.
    uint32_t at(uint32_t k, uint32_t column, bool turned) const {
        const uint32_t line = turned ? k : column, within = turned ? column : k;
        const uint32_t plain = start + line / 8 * stride + line % 8 * panel_line + within * 2;
        return plain ^ (plain / panel_line % 8) << 4;
    }
};

// Calls each(line, first element within it, where the chunk lies): a line is an element of k with all columns where the operand is turned, else a column.
template <class Each>
void for_chunks(const Operand& b, bool turned, Each each) {
    for (uint32_t line = 0; line < (turned ? depth : columns); line++) {
        for (uint32_t within = 0; within < (turned ? columns : depth); within += chunk) each(line, within, turned ? b.at(line, within, true) : b.at(within, line, false));
    }
}

void check_operand(const Product& product) {
    Block& block = *current->block;
    const Operand b(product.descriptor);
    if (b.swizzle != 1 || b.base != 0) block.fail(FindingKind::misaligned, product.descriptor, "a descriptor without the swizzle of 128 bytes");
    // A turned operand takes whole lines; the other 32 bytes of each.
    if (b.start % 16 != 0 || (product.turned ? b.start % atom : b.start % atom + depth * 2 > panel_line) != 0)
        block.fail(FindingKind::misaligned, b.start, "a product's operand begins at shared offset " + std::to_string(b.start));
    if (!block.launch().checked) return;
    for_chunks(b, product.turned, [](uint32_t, uint32_t, uint32_t at) { check_product(at, chunk * 2); });
}

// One fp32 chain per element, k ascending.
void multiply(const BegunProduct& begun) {
    const Operand b(begun.product.descriptor);
    const uint8_t* const shared = current->block->shared();
    float second[depth][columns];
    for_chunks(b, begun.product.turned, [&](uint32_t line, uint32_t within, uint32_t at) {
        uint16_t bits[chunk];
        std::memcpy(bits, shared + at, sizeof bits);
        for (uint32_t i = 0; i < chunk; i++) (begun.product.turned ? second[line][within + i] : second[within + i][line]) = from_bf16(bits[i]);
    });
    for (uint32_t g = 0; g < 8; g++) {
        for (uint32_t half = 0; half < 2; half++) {
            float first[depth], sum[columns];
            for (uint32_t k = 0; k < depth; k++) first[k] = from_bf16(static_cast<uint16_t>(begun.a[4 * g + k % 8 / 2][half + k / 8 * 2] >> 16 * (k % 2)));
            // Lane 4 g + t holds columns 2 t and 2 t + 1 of every eight.
            const auto pairs = [&](auto each) {
                for (uint32_t t = 0; t < 4; t++) {
                    for (uint32_t i = 0; i < columns / 8; i++) each(&sum[8 * i + 2 * t], begun.d[4 * g + t] + 4 * i + 2 * half);
                }
            };
            std::fill_n(sum, columns, 0.0f);
            if (begun.product.adds) pairs([](float* in, const float* d) { std::memcpy(in, d, 2 * sizeof(float)); });
            for (uint32_t k = 0; k < depth; k++) {
                for (uint32_t column = 0; column < columns; column++) sum[column] = __builtin_fmaf(first[k], second[k][column], sum[column]);
            }
            pairs([](const float* in, float* d) { std::memcpy(d, in, 2 * sizeof(float)); });
        }
    }
}

void fill(const Warp& warp, float value) {
    for (const auto* d : warp.results) std::fill_n(const_cast<float*>(d), 32, value);
}

}  // namespace

void begin_product(Warp& warp) {
    Block& block = *current->block;
    if (warp.members != ~0u || block.warps() % 4 != 0) block.fail(FindingKind::divergent, 0, "a product of a warpgroup whose four warps are not all there");
    if (!warp.fenced) block.fail(FindingKind::product_not_awaited, 0, "a product without wgmma_fence() after registers of one may have been touched");
    BegunProduct& begun = warp.begun.emplace_back();
    begun.product = {(warp.qualifier & 1) != 0, (warp.qualifier & 2) != 0, warp.in[4][0] | static_cast<uint64_t>(warp.in[5][0]) << 32};
    begun.group = warp.product_group;
    begun.first = true;
    for (const auto& other : warp.begun) begun.first &= &other == &begun || other.d[0] != warp.results[0];
    for (uint32_t lane = 0; lane < 32; lane++) {
        if (warp.in[4][lane] != warp.in[4][0] || warp.in[5][lane] != warp.in[5][0])
            block.fail(FindingKind::divergent, 0, "lanes of a warp name different operands of a product");
        for (uint32_t i = 0; i < 4; i++) begun.a[lane][i] = warp.in[i][lane];
        begun.d[lane] = warp.results[lane];
        std::memcpy(begun.before[lane], warp.results[lane], sizeof begun.before[lane]);
    }
    block.agree_in_warpgroup(warp, begun.product.descriptor << 2 | warp.qualifier);
    check_operand(begun.product);
    fill(warp, std::nanf(""));
}

void commit_products(Warp& warp) { warp.product_group++; }

void finish_products(Warp& warp, uint32_t pending) {
    warp.fenced = false;
    size_t done = 0;
    for (const BegunProduct& begun : warp.begun) {
        if (warp.product_group - begun.group <= pending) break;
        for (uint32_t lane = 0; begun.first && lane < 32; lane++) std::memcpy(begun.d[lane], begun.before[lane], sizeof begun.before[lane]);
        check_operand(begun.product);
        multiply(begun);
        done++;
    }
    warp.begun.erase(warp.begun.begin(), warp.begun.begin() + static_cast<std::ptrdiff_t>(done));
}

}  // namespace emulator
