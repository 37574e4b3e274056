# What is planted. The tests (tests/Serving.Compute.Tests/Cuda/Kernels/Plants) find these by their kernels' names and run that kernel's cases on each.

# ---- a barrier, or a wait for a copy, left out: one after the other

plant_each(attention_decode.no-barrier attention/attention_decode.cuh attention/attention_decode.cuh "ptx::barrier();" "")
plant_each(attention_prefill.no-barrier attention/attention_prefill.cuh attention/attention_prefill.cuh "ptx::barrier();" "")
plant_each(attention_plain.no-warp-sync attention/attention_plain.cuh attention/attention_plain.cuh "ptx::warp_sync();" "")
plant_each(lora_shrink.no-barrier lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "ptx::barrier();" "")
plant_each(linear_finish.no-barrier linear_finish/linear_finish.cuh linear_finish/linear_finish.cuh "ptx::barrier();" "")
plant(linear_finish.no-barrier-behind-its-values linear_finish/linear_finish.cuh linear_finish/expand.cuh "ptx::barrier();" "")
plant(lora_expand.no-barrier-behind-its-values linear_finish/lora_expand.cuh linear_finish/expand.cuh "ptx::barrier();" "")
plant(finish_silu_mul.no-barrier-behind-its-values linear_finish/finish_silu_mul.cuh linear_finish/expand.cuh "ptx::barrier();" "")
plant_each(linear_finish_plain.no-barrier linear_finish/linear_finish_plain.cuh linear_finish/linear_finish_plain.cuh "ptx::barrier();" "")
plant_each(finish_rope_append.no-barrier linear_finish/finish_rope_append.cuh linear_finish/finish_rope_append.cuh "ptx::barrier();" "")
plant_each(finish_rms_norm.no-barrier linear_finish/finish_rms_norm.cuh linear_finish/finish_rms_norm.cuh "ptx::barrier();" "")
plant_each(finish_rope_append_rows.no-warp-sync linear_finish/finish_rope_append_rows.cuh linear_finish/finish_rope_append_rows.cuh "ptx::warp_sync();" "")
plant_each(lora_expand.no-barrier linear_finish/lora_expand.cuh linear_finish/lora_expand.cuh "ptx::barrier();" "")
plant_each(finish_silu_mul.no-barrier linear_finish/finish_silu_mul.cuh linear_finish/finish_silu_mul.cuh "ptx::barrier();" "")
plant_each(experts_few.no-barrier mixture/experts.cuh mixture/experts.cuh "ptx::barrier();" "")
plant_each(route.no-barrier mixture/route.cuh mixture/route.cuh "ptx::barrier();" "")
plant_each(route_few.no-barrier mixture/route_few.cuh mixture/route_few.cuh "ptx::barrier();" "")
plant_each(sort_choices.no-barrier mixture/sort_choices.cuh mixture/sort_choices.cuh "ptx::barrier();" "")
plant_each(product.no-barrier product/product.cuh product/product.cuh "ptx::barrier();" "")
plant_each(product_int8.no-barrier integers/integer_product.cuh integers/integer_product.cuh "ptx::barrier();" "")
plant_each(dequantize_int8.no-barrier integers/dequantize.cuh integers/dequantize.cuh "ptx::barrier();" "")
plant_each(rms_norm.no-barrier rms_norm/rms_norm.cuh rms_norm/rms_norm.cuh "ptx::barrier();" "")
plant(rms_norm.no-barrier-in-its-sum rms_norm/rms_norm.cuh common/reduce.cuh
[[
    ptx::barrier();
    float total = 0;]]
[[
    float total = 0;]])
plant_each(token_slots.no-barrier token_slots/token_slots.cuh token_slots/token_slots.cuh "ptx::barrier();" "")
plant(token_slots.no-barrier-in-its-scan token_slots/token_slots.cuh common/reduce.cuh
[[
    ptx::barrier();
    int before = 0;]]
[[
    int before = 0;]])
foreach(part adjust select draw top logprobs sample)
    plant_each(sample.${part}.no-barrier sample/sample.cuh sample/${part}.cuh "ptx::barrier();" "")
endforeach()

plant(attention_decode.tile-not-awaited attention/attention_decode.cuh attention/attention_decode.cuh
    "ptx::cp_async_wait<Shared::kStages - 2>();" "ptx::cp_async_wait<Shared::kStages - 1>();")
plant(attention_decode.place-of-the-next-tile attention/attention_decode.cuh attention/attention_decode.cuh "ring + place.fresh" "ring + place.stage")
plant(attention_prefill.queries-not-awaited attention/attention_prefill.cuh attention/attention_prefill.cuh "ptx::cp_async_wait<kPrefillStages - 1>();" "")
plant(attention_prefill.tile-not-awaited attention/attention_prefill.cuh attention/attention_prefill.cuh
    "ptx::cp_async_wait<kPrefillStages - 2>();" "ptx::cp_async_wait<kPrefillStages - 1>();")
plant(attention_prefill.copies-left-under-way attention/attention_prefill.cuh attention/attention_prefill.cuh "ptx::cp_async_wait<0>();" "")
plant(product.stage-not-awaited product/product.cuh product/product.cuh "ptx::cp_async_wait<kProductStages - 2>();" "ptx::cp_async_wait<kProductStages - 1>();")
plant(product_int8.stage-not-awaited integers/integer_product.cuh integers/integer_product.cuh "ptx::cp_async_wait<kStages - 2>();" "ptx::cp_async_wait<kStages - 1>();")
plant(experts_few.stage-not-awaited mixture/experts.cuh mixture/experts.cuh "ptx::cp_async_wait<Stages - 2>();" "ptx::cp_async_wait<Stages - 1>();")
plant(lora_shrink.cells-not-awaited lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh
    "ptx::cp_async_wait<kShrinkStages - 1>();" "ptx::cp_async_wait<kShrinkStages>();")

# ---- products of a warpgroup: a barrier, a fence or a wait left out, an operand beside its own

set(wgmma attention/attention_prefill_wgmma.cuh)
plant(attention_prefill_wgmma.tile-not-awaited ${wgmma} ${wgmma} "ptx::cp_async_wait<0>();" "")
plant(attention_prefill_wgmma.tile-announced-early ${wgmma} ${wgmma} "ptx::cp_async_wait<0>();" "ptx::cp_async_wait<1>();")
plant(attention_prefill_wgmma.no-proxy-fence ${wgmma} ${wgmma} "ptx::fence_proxy_async();" "")
plant(attention_prefill_wgmma.no-barrier-before-the-first-tile ${wgmma} ${wgmma}
[[
    ptx::barrier(landed(stage, warpgroup), kLandedThreads);
    ptx::wgmma_fence();]]
[[
    ptx::wgmma_fence();]])
plant(attention_prefill_wgmma.no-barrier-before-a-tile ${wgmma} ${wgmma}
[[
        ptx::barrier(landed(stage, warpgroup), kLandedThreads);
        open_products]]
[[
        open_products]])
plant(attention_prefill_wgmma.place-not-awaited ${wgmma} ${wgmma}
[[
                ptx::barrier(emptied(stage), kEmptiedThreads);
]]
[[
]])
plant(attention_prefill_wgmma.places-left-half-met ${wgmma} ${wgmma} "ptx::barrier(emptied(tile % kRingStages), kEmptiedThreads);" "")
plant(attention_prefill_wgmma.place-freed-early ${wgmma} ${wgmma}
[[
        ptx::wgmma_wait<0>();
        hold_output<HeadSize>(state.output);
        ptx::barrier_arrive(emptied(before), kEmptiedThreads);]]
[[
        ptx::barrier_arrive(emptied(before), kEmptiedThreads);
        ptx::wgmma_wait<0>();
        hold_output<HeadSize>(state.output);]])
plant_each(attention_prefill_wgmma.products-not-awaited ${wgmma} ${wgmma} "ptx::wgmma_wait<0>();" "")
plant(attention_prefill_wgmma.scores-not-awaited ${wgmma} ${wgmma} "ptx::wgmma_wait<1>();" "")
plant(attention_prefill_wgmma.scores-awaited-too-late ${wgmma} ${wgmma} "ptx::wgmma_wait<1>();" "ptx::wgmma_wait<2>();")
plant_each(attention_prefill_wgmma.products-not-fenced ${wgmma} ${wgmma} "ptx::wgmma_fence();" "")
plant(attention_prefill_wgmma.next-key-panel ${wgmma} ${wgmma} "step / 4 * kPanelBytes + step % 4 * 32" "step / 4 * kPanelBytes + step % 4 * 16")
plant(attention_prefill_wgmma.first-key-panel ${wgmma} ${wgmma} "step / 4 * kPanelBytes + step % 4 * 32" "step % 4 * 32")
plant(attention_prefill_wgmma.next-value-panel ${wgmma} ${wgmma} "half * kPanelBytes + step * 2048" "step * 2048")
plant(attention_prefill_wgmma.next-value-atom ${wgmma} ${wgmma} "half * kPanelBytes + step * 2048" "half * kPanelBytes + step * 1024")
plant(attention_prefill_wgmma.values-not-turned ${wgmma} ${wgmma} "wgmma_m64n64k16<true, true>" "wgmma_m64n64k16<false, true>")
plant(attention_prefill_wgmma.keys-turned ${wgmma} ${wgmma} "wgmma_m64n64k16<false, true>" "wgmma_m64n64k16<true, true>")
plant(attention_prefill_wgmma.scores-added ${wgmma} ${wgmma} "wgmma_m64n64k16<false, false>" "wgmma_m64n64k16<false, true>")
plant(attention_prefill_wgmma.values-of-the-tile-after ${wgmma} ${wgmma} "ring + before * 2 * kTileBytes<HeadSize> + kTileBytes" "ring + stage * 2 * kTileBytes<HeadSize> + kTileBytes")
plant(attention_prefill_wgmma.swizzle ${wgmma} attention/panels.cuh "(chunk() ^ at % 8) * 16" "chunk() * 16")
plant(attention_prefill_wgmma.slots-behind-the-end ${wgmma} attention/panels.cuh "at < left ? token_slots[at] : -1" "token_slots[at]")
plant(attention_prefill_wgmma.tokens-behind-the-end ${wgmma} attention/panels.cuh "slot[i] < 0 ? 0 : 16" "16")
plant(attention_prefill_wgmma.no-mask ${wgmma} attention/softmax.cuh "i % 2 <= sees[i / 2]" "i % 2 <= sees[i / 2] + 1000000")
plant(attention_prefill_wgmma.hidden-too-late ${wgmma} attention/softmax_wide.cuh "kTileTokens - 1)" "kTileTokens - 2)")
plant(attention_prefill_wgmma.fragment-p ${wgmma} attention/softmax.cuh "weights[j / 2][j % 2 * 2 + 1]" "weights[j / 2][(j % 2 * 2 + 3) % 4]")
plant(attention_prefill_wgmma.fragment-q ${wgmma} ${wgmma} "queries[step][r + 2]" "queries[step][3 - r]")
plant(attention_prefill_wgmma.never-rescaled ${wgmma} ${wgmma} "rescale_if_risen(state, factor);" "")
plant(attention_prefill_wgmma.next-split ${wgmma} ${wgmma} "begin / SRV_ATTENTION_SPLIT, 0" "begin / SRV_ATTENTION_SPLIT + 1, 0")
plant(attention_prefill_wgmma.items-from-the-next ${wgmma} ${wgmma} "range.count - 1 - i" "range.count - i")

# ---- a page, a slot or a cell off by one

plant(attention_decode.turns-overlap attention/attention_decode.cuh attention/attention_decode.cuh "blocks - 1 - block" "blocks - block")
plant(attention_decode.turns-end-early attention/attention_decode.cuh attention/attention_decode.cuh "unit < units ? unit" "turn * blocks < units ? unit")
plant(attention_decode.next-unit-too-soon attention/attention_decode.cuh attention/attention_decode.cuh "if (left == 0)" "if (left <= 1)")
plant(attention_decode.next-unit-of-another-head attention/attention_decode.cuh attention/attention_decode.cuh "slots = slot_reader<Pages>(p, unit % p.kv_head_count);" "slots = slot_reader<Pages>(p, 0);")
plant(attention_decode.next-unit-of-the-same-item attention/attention_decode.cuh attention/attention_decode.cuh "items[unit / p.kv_head_count];" "items[0];")
plant(attention_decode.next-slot attention/attention_decode.cuh attention/items.cuh "static_cast<uint32_t>(slot) % SRV_PAGE_TOKENS" "static_cast<uint32_t>(slot + 1) % SRV_PAGE_TOKENS")
plant(attention_prefill.next-page attention/attention_prefill.cuh attention/items.cuh "static_cast<uint32_t>(slot) / SRV_PAGE_TOKENS" "static_cast<uint32_t>(slot) / SRV_PAGE_TOKENS + 1")
plant(attention_plain.next-kv-head attention/attention_plain.cuh attention/items.cuh "kv_head * group + packed % group" "kv_head + packed % group")
plant(attention_merge.next-split attention/attention_merge.cuh attention/attention_merge.cuh "/ SRV_ATTENTION_SPLIT + 1" "/ SRV_ATTENTION_SPLIT")
plant(attention_merge.first-states-again attention/attention_merge.cuh attention/attention_merge.cuh "first + begin + i" "first + i")
plant(rope_append.next-page rope_append/rope_append.cuh common/pages.cuh "static_cast<srv_address>(page) * page_bytes" "static_cast<srv_address>(page + 1) * page_bytes")
plant(rope_append.keys-by-the-queries-offset rope_append/rope_append.cuh rope_append/append_head.cuh "by.offset = p.key_offset;" "")
plant(rope_append.values-with-keys rope_append/rope_append.cuh rope_append/append_head.cuh "? 0 : 1;" "? 0 : 0;")
plant(finish_rope_append.next-slot linear_finish/finish_rope_append.cuh rope_append/append_head.cuh "slot * p.head_size" "(slot ^ 1) * p.head_size")
plant(token_slots.next-page token_slots/token_slots.cuh token_slots/token_slots.cuh "page.page * SRV_PAGE_TOKENS" "(page.page + 1) * SRV_PAGE_TOKENS")
plant(copy_pages.one-token-more copy_pages/copy_pages.cuh copy_pages/copy_pages.cuh "slot < copy.tokens" "slot <= copy.tokens")
plant(rotate_pages.next-page rotate_pages/rotate_pages.cuh rotate_pages/rotate_pages.cuh "by.destination, layer, 1" "by.destination + 1, layer, 1")
plant(lora_shrink.next-cell lora_shrink/lora_shrink.cuh common/cells.cuh "static_cast<srv_address>(tile % cells_per_page)" "static_cast<srv_address>((tile + 1) % cells_per_page)")
plant(lora_shrink_plain.next-run lora_shrink/lora_shrink_plain.cuh common/cells.cuh "block * runs_per_block + tile" "block * runs_per_block + 1 + tile")
plant(linear_finish.cells-of-another-page linear_finish/linear_finish.cuh common/cells.cuh "+ tile / cells_per_page" "+ (tile + 1) / cells_per_page")
plant(linear_finish_plain.next-column linear_finish/linear_finish_plain.cuh linear_finish/linear_finish_plain.cuh "within >= 0 &&" "within > 0 &&")
plant(product.next-stage product/product.cuh product/product.cuh "plane * stages / p.planes, " "plane * stages / p.planes + 1, ")
plant(product.next-unit product/product.cuh product/product.cuh "unit / p.planes * kProductOutputs" "unit % p.planes * kProductOutputs")
plant(product_int8.scales-of-the-first-group integers/integer_product.cuh integers/decode.cuh "quarter / 2 * 128 + lane / 4 * 16" "lane / 4 * 16")
plant(product_mxfp4.other-table integers/integer_product.cuh integers/decode.cuh "format == IntegerFormat::Iq4 ?" "true ?")
set(integer_experts integers/integer_experts_few.cuh)
plant(experts_few_int8.next-expert ${integer_experts} ${integer_experts} "to.expert * all" "(to.expert + 1) % p.mixture.expert_count * all")
plant(experts_few_int8.experts-within-strips ${integer_experts} ${integer_experts} "to.expert * all" "to.expert * p.outputs / SRV_INTEGER_OUTPUTS")
plant(experts_few_int8.first-strip-again ${integer_experts} ${integer_experts} "to.expert * all + first" "to.expert * all")
plant(experts_few_int8.strip-behind-the-last ${integer_experts} ${integer_experts} "first + second < all ? 2 : 1" "2")
plant(experts_few_int8.second-strip-of-gate-for-up ${integer_experts} ${integer_experts} "is_gated(p) ? p.outputs / 2 / SRV_INTEGER_OUTPUTS : 1" "1")
plant(experts_few_int8.first-half-again ${integer_experts} ${integer_experts} "stage + warp / 4 * kIntegerBlock<Format>, warp % 4, w" "stage, warp % 4, w")
plant(experts_few_int8.block-of-the-first-stage ${integer_experts} ${integer_experts} "void next() { block += kIntegerBlock<Format>; }" "void next() {}")
plant(experts_few_int8.not-awaited ${integer_experts} ${integer_experts} "ptx::await_producers();" "")
plant(product_int4.fragment integers/integer_product.cuh integers/decode.cuh "i % 2 == 0 ? low : high" "i < 2 ? low : high")
plant(product_int4_asymmetric.offsets-left-out integers/integer_product.cuh integers/decode.cuh "ptx::fma_bf16x2(integers, scales, offsets)" "ptx::fma_bf16x2(integers, scales, kNoOffsets)")
plant(product_int4_asymmetric.scales-for-offsets integers/integer_product.cuh integers/decode.cuh "groups + SRV_INTEGER_SCALE_BYTES" "groups")
plant(product_int4_asymmetric.offsets-of-the-other-half integers/integer_product.cuh integers/decode.cuh "i % 2 == 0 ? low_offset : high_offset" "i % 2 == 0 ? high_offset : low_offset")
plant(product_int4_asymmetric.offset-rounded-by-itself integers/integer_product.cuh integers/decode.cuh "ptx::fma_bf16x2(integers, scales, offsets)" "ptx::fma_bf16x2(ptx::fma_bf16x2(integers, scales, kNoOffsets), 0x3f803f80u, offsets)")
plant(product_iq4.upper-half-of-the-table-again integers/integer_product.cuh integers/decode.cuh "(codes & 0x8888u) >> 1 | 0x3210u" "0x7654u")
plant(product_iq4.first-pair-again integers/integer_product.cuh integers/decode.cuh "signed_pair(numbers >> 8)" "signed_pair(numbers)")
plant(product_iq4.codes-of-the-first-half integers/integer_product.cuh integers/decode.cuh "coded_numbers<Format>(word >> i * 8)" "coded_numbers<Format>(word)")
plant(scale_outputs.first-plane-alone scale_outputs/scale_outputs.cuh scale_outputs/scale_outputs.cuh "plane < p.planes" "plane < 1")
plant(scale_outputs.factors-of-the-first-cell scale_outputs/scale_outputs.cuh scale_outputs/scale_outputs.cuh "cells.cell(0, column / SRV_CELL_FACTORS)" "cells.cell(0, 0)")
plant(scale_outputs.run-behind-its-own scale_outputs/scale_outputs.cuh scale_outputs/scale_outputs.cuh "+ run - 1" "+ run")
plant(scale_outputs.columns-of-the-first-slice scale_outputs/scale_outputs.cuh scale_outputs/scale_outputs.cuh "p.product_stride) + offset" "p.product_stride)")
plant(scale_outputs.slices-of-the-first-linear scale_outputs/scale_outputs.cuh scale_outputs/scale_outputs.cuh " + lora.first_slice + slice" " + slice")
plant(scale_outputs.columns-behind-the-last scale_outputs/scale_outputs.cuh scale_outputs/scale_outputs.cuh
[[
            if (column < width) {]]
[[
            if (true) {]])
plant(product_int8.inputs-of-the-first-stages integers/integer_product.cuh integers/integer_product.cuh "        ahead.next(p);" "")
plant(experts_few.next-expert mixture/experts.cuh mixture/experts.cuh "to.expert * p.outputs" "(to.expert + 1) % p.mixture.expert_count * p.outputs")
plant(experts_few.unit-of-the-first-tile mixture/experts.cuh mixture/experts.cuh "p.mixture.tiles) + unit / parts" "p.mixture.tiles) + 0")
plant(experts_few.gate-for-up mixture/experts.cuh mixture/experts.cuh "i < 2 ? 0 : gap" "0")
plant(experts_few.bias-of-the-first-expert mixture/experts.cuh mixture/experts.cuh "static_cast<int64_t>(expert) * p.outputs + output + i" "output + i")
plant(experts_few.up-without-its-bias mixture/experts.cuh mixture/experts.cuh "p.outputs, up);" "0, up);")
plant(experts_few.gate-without-its-limit mixture/experts.cuh silu_mul/silu.cuh "const float bounded = at_most(gate, limit);" "const float bounded = gate;")
plant(silu_mul.up-bounded-above-only silu_mul/silu_mul.cuh silu_mul/silu.cuh "-at_most(-at_most(up, limit), limit)" "at_most(up, limit)")
plant(attention_plain.sink-of-the-first-head attention/attention_plain.cuh attention/attention_plain.cuh "(p.sinks)[head]" "(p.sinks)[0]")
plant(attention_plain.sink-leaves-the-values attention/attention_plain.cuh attention/attention_plain.cuh "merged.output[i] *= by.before;" "")
plant(attention_merge.no-sink attention/attention_merge.cuh attention/attention_plain.cuh "merge_sink(p, head, state);" "")
plant(experts_few.gate-not-rounded mixture/experts.cuh mixture/experts.cuh "gate_times(rounded(x.v[i])," "gate_times(x.v[i],")
plant(route.highest-of-equals mixture/route.cuh mixture/route.cuh "other_at < at" "other_at > at")
plant(route.chosen-again mixture/route.cuh mixture/route.cuh "static_cast<int>(ptx::lane()) == at ? 0 :" "static_cast<int>(ptx::lane()) == at ? orders[i] :")
plant(route.signed-zeros mixture/route.cuh mixture/route.cuh "logit + 0.0f" "logit")
plant(route.no-number-beats-all mixture/route.cuh mixture/route.cuh "? order : 1;" "? order : 0xffffffffu;")
plant(route.share-of-the-chosen mixture/route.cuh mixture/route.cuh "p.renormalize == 0" "false")
plant(sort_choices.rows-after-this-one mixture/sort_choices.cuh mixture/sort_choices.cuh "& ((1u << row % SRV_ROUTE_ROWS) - 1)" "& ~((1u << row % SRV_ROUTE_ROWS) - 1)")
plant(sort_choices.groups-before-left-out mixture/sort_choices.cuh mixture/sort_choices.cuh "first + count.before" "first")
plant(sort_choices.whole-tiles mixture/sort_choices.cuh mixture/sort_choices.cuh "smaller(tile_places, count - within)" "tile_places")
plant(combine.choices-backwards mixture/combine.cuh mixture/combine.cuh "mixture.weights)[first + begin + i]" "mixture.weights)[first + mixture.choice_count - 1 - begin - i]")
plant(combine.not-by-place mixture/combine.cuh mixture/combine.cuh "at<const int>(mixture.places)[number]" "static_cast<int>(number)")
plant(dispatch.next-place mixture/dispatch.cuh mixture/dispatch.cuh "at<const int>(p.mixture.rows)[place]" "at<const int>(p.mixture.rows)[place ^ 1]")
plant(embed.next-row embed/embed.cuh embed/embed.cuh "p.weight, token," "p.weight, token + 1,")
plant(gather.next-row gather/gather.cuh gather/gather.cuh "p.output, i," "p.output, i + 1,")
plant(sample.next-bit sample/sample.cuh sample/adjust.cuh "id % 32 & 1" "(id + 1) % 32 & 1")
plant(sample.next-word sample/sample.cuh sample/adjust.cuh "mask[id / 32]" "mask[(id + 1) / 32]")
plant(sample.pending-not-counted sample/sample.cuh sample/adjust.cuh "again ? 1 : 0" "0")
plant(sample.pending-counted-twice sample/sample.cuh sample/sample.cuh "s.counted == 0 && " "")
plant(sample.pending-without-an-entry sample/sample.cuh sample/sample.cuh "values[pending] = penalised(values[pending], 1, row);" "")
plant(sample.pending-of-another-row sample/sample.cuh sample/sample.cuh "at<const int>(p.pending)[row.row]" "at<const int>(p.pending)[0]")
plant(embed.all-pending embed/embed.cuh embed/embed.cuh "given < 0 ? token : -1" "token")
plant(sample.mask-of-the-first-row sample/sample.cuh sample/sample.cuh "at<const uint32_t>(p.masks) + row.first_mask" "at<const uint32_t>(p.masks)")
plant(sum_planes.next-plane sum_planes/sum_planes.cuh sum_planes/sum_planes.cuh "int plane = 1;" "int plane = 2;")
plant(join_planes.next-plane join_planes/join_planes.cuh join_planes/join_planes.cuh "column % p.input_stride" "(column + 4) % p.input_stride")

# ---- a tail that is not masked

plant(attention_decode.no-mask attention/attention_decode.cuh attention/softmax.cuh "i % 2 <= sees[i / 2]" "i % 2 <= sees[i / 2] + 1000000")
plant(attention_decode.one-token-more attention/attention_decode.cuh attention/softmax.cuh "i % 2 <= sees[i / 2]" "i % 2 <= sees[i / 2] + 1")
plant(attention_prefill.no-mask attention/attention_prefill.cuh attention/softmax.cuh "i % 2 <= sees[i / 2]" "i % 2 <= sees[i / 2] + 1000000")
plant(attention_decode.hidden-too-late attention/attention_decode.cuh attention/attention_decode.cuh "SRV_ATTENTION_BLOCK - 1)" "SRV_ATTENTION_BLOCK - 2)")
plant(attention_prefill.hidden-too-late attention/attention_prefill.cuh attention/attention_prefill.cuh "SRV_ATTENTION_BLOCK - 1)" "SRV_ATTENTION_BLOCK - 2)")
plant(attention_prefill.slots-behind-the-end attention/attention_prefill.cuh attention/tiles.cuh "i * kTokens < left ? next[i * kTokens] : -1" "next[i * kTokens]")
plant(attention_decode.tokens-behind-the-end attention/attention_decode.cuh attention/tiles.cuh "slot[i] < 0 ? 0 : 16" "16")
plant(attention_prefill.rows-behind-the-last attention/attention_prefill.cuh attention/softmax.cuh "packed < packed_rows ? rows.row[r].ordinal : -1" "rows.row[r].ordinal")
plant(attention_plain.no-mask attention/attention_plain.cuh attention/attention_plain.cuh "lane >= from && lane < valid" "lane >= from")
plant(lora_shrink.rows-behind-the-last lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "first_token + token < work.row_count && " "")
plant(lora_shrink.inputs-of-the-first-rows lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "load_warp_inputs(p, work, token + 8, inputs)" "load_warp_inputs(p, work, token, inputs)")
plant(lora_shrink.items-of-another-block lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "(number + kWindowItems) * blocks" "(number + kWindowItems - 1) * blocks")
plant(lora_shrink.cells-before-their-binding lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "(number + kWindowItems - 2)" "(number + kWindowItems - 1)")
plant(lora_shrink.columns-behind-the-last lora_shrink/lora_shrink.cuh common/cells.cuh "column + 8 <= width" "column < width")
plant(lora_shrink.a-second-block lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "smaller(blocks, 2)" "2")
plant(linear_finish.rows-behind-the-last linear_finish/linear_finish.cuh linear_finish/linear_finish.cuh "token >= work.tile.row_count || " "")
plant(linear_finish.columns-behind-the-last linear_finish/linear_finish.cuh linear_finish/linear_finish.cuh "within + 8 <= work.width && " "")
plant(linear_finish_plain.columns-behind-the-last linear_finish/linear_finish_plain.cuh linear_finish/linear_finish_plain.cuh "column < smaller(first + kColumns, p.columns)" "column < first + kColumns")
plant(linear_finish.values-behind-the-last-row linear_finish/linear_finish.cuh linear_finish/expand.cuh "token < count ? *" "true ? *")
plant(experts_few.inputs-behind-the-last mixture/experts.cuh mixture/experts.cuh "larger(smaller(inputs, 8), 0)" "8")
plant(experts_few.places-written-behind-the-last mixture/experts.cuh mixture/experts.cuh "t * 8 + warp < unit.places" "true")
plant(experts_few.outputs-behind-the-last mixture/experts.cuh mixture/experts.cuh "within < columns && bytes > 0" "bytes > 0")
plant(combine.columns-behind-the-last mixture/combine.cuh mixture/combine.cuh "column >= p.columns" "false")
plant(dispatch.columns-behind-the-last mixture/dispatch.cuh mixture/dispatch.cuh "k + 8 <= p.columns" "true")
plant(product.inputs-behind-the-last product/product.cuh product/product.cuh "larger(smaller(inputs, 8), 0)" "8")
plant(product.rows-behind-the-last product/product.cuh product/product.cuh "line() + i * kLines < rows && bytes > 0" "bytes > 0")
plant(product.rows-written-behind-the-last product/product.cuh product/product.cuh "t * 8 + warp < rows" "true")
plant(product.outputs-behind-the-last product/product.cuh product/product.cuh "i * kLines < outputs && bytes > 0" "bytes > 0")
plant(product.outputs-written-behind-the-last product/product.cuh product/product.cuh "first_output + column + 4 <= p.outputs" "true")
plant(product_int8.strips-behind-the-last integers/integer_product.cuh integers/integer_product.cuh "const bool there = strip < strips;" "const bool there = true;")
plant(dequantize_int8.rows-behind-the-last integers/dequantize.cuh integers/dequantize.cuh "output < p.outputs && " "")
plant(dequantize_int8.columns-behind-the-last integers/dequantize.cuh integers/dequantize.cuh " && column < p.output_stride" "")
plant(embed_int8.columns-behind-the-last integers/embed_int8.cuh integers/embed_int8.cuh "column < columns" "true")
plant(finish_rms_norm_planes.planes-of-the-first linear_finish/finish_rms_norm.cuh linear_finish/finish_rms_norm.cuh "product += p.plane_stride;" "")
plant(finish_rms_norm.columns-behind-the-last linear_finish/finish_rms_norm.cuh linear_finish/finish_rms_norm.cuh "k + 4 <= p.columns" "true")
plant(finish_rms_norm.rows-without-a-delta linear_finish/finish_rms_norm.cuh linear_finish/row_delta.cuh "rank_blocks > 0" "rank_blocks >= 0")
plant(finish_silu_mul_rows.rows-without-a-delta linear_finish/finish_silu_mul_rows.cuh linear_finish/row_delta.cuh "rank_blocks > 0" "rank_blocks >= 0")
plant(finish_silu_mul_rows.deltas-of-gate linear_finish/finish_silu_mul_rows.cuh linear_finish/finish_silu_mul_rows.cuh "up + width + column" "up + column")
plant(finish_silu_mul_rows.columns-behind-the-last linear_finish/finish_silu_mul_rows.cuh linear_finish/finish_silu_mul_rows.cuh "column >= width" "false")
plant(finish_rope_append_rows.another-slice linear_finish/finish_rope_append_rows.cuh linear_finish/finish_rope_append_rows.cuh "? 1 : 2;" "? 0 : 2;")
plant(lora_expand.columns-behind-the-last linear_finish/lora_expand.cuh linear_finish/lora_expand.cuh "count >= 8 && " "")
plant(lora_expand.cells-behind-the-last linear_finish/lora_expand.cuh linear_finish/expand.cuh "smaller(first + tile, last)" "first + tile")
plant(lora_expand.columns-of-the-tile-before linear_finish/lora_expand.cuh linear_finish/lora_expand.cuh "work.column += tiles * SRV_CELL_COLUMNS" "work.column += 0")
plant(lora_expand.cells-of-the-first-tile linear_finish/lora_expand.cuh linear_finish/expand.cuh "multiply_cells(work, cells[tile], v" "multiply_cells(work, cells[0], v")
plant(lora_expand.rows-behind-the-last linear_finish/lora_expand.cuh linear_finish/lora_expand.cuh "token < work.tile.row_count ? work.width - within : 0" "work.width - within")
plant(finish_silu_mul.columns-behind-the-last linear_finish/finish_silu_mul.cuh linear_finish/finish_silu_mul.cuh "smaller(4, width - column)" "4")
plant(finish_rope_append.tokens-behind-the-last linear_finish/finish_rope_append.cuh linear_finish/finish_rope_append.cuh "smaller(kFinishTokens, work.tile.row_count - first_token)" "kFinishTokens")
plant(token_slots.whole-pages token_slots/token_slots.cuh token_slots/token_slots.cuh "slot < page.valid_length" "slot < SRV_PAGE_TOKENS")
plant(silu_mul.columns-behind-the-last silu_mul/silu_mul.cuh silu_mul/silu_mul.cuh "smaller(first + kColumns, p.columns)" "first + kColumns")
plant(sample.block-behind-the-last sample/sample.cuh sample/draw.cuh "smaller((block + 1) * SRV_CDF_BLOCK, count)" "(block + 1) * SRV_CDF_BLOCK")

# ---- kernels that begin early: not waiting for those before them, or reading what they write first

plant(product.not-awaited product/product.cuh product/product.cuh "ptx::await_producers();" "")
plant(product.inputs-not-awaited product/product.cuh product/product.cuh "ahead.copy_weights(p, ptx::shared_address(ring[i]));" "ahead.copy_weights(p, ptx::shared_address(ring[i])), ahead.copy_inputs(p, rows, ptx::shared_address(ring[i]) + kProductWeights);")
plant(product_int8.not-awaited integers/integer_product.cuh integers/integer_product.cuh "ptx::await_producers();" "")
plant(experts_few.not-awaited mixture/experts.cuh mixture/experts.cuh "ptx::await_producers();" "")
plant(route_few.not-awaited mixture/route_few.cuh mixture/route_few.cuh "ptx::await_producers();" "")
plant(combine.not-awaited mixture/combine.cuh mixture/combine.cuh "ptx::await_producers();" "")
plant(attention_decode.not-awaited attention/attention_decode.cuh attention/attention_decode.cuh "ptx::await_producers();" "")
plant(attention_merge.not-awaited attention/attention_merge.cuh attention/attention_merge.cuh "ptx::await_producers();" "")
plant(finish_rms_norm.not-awaited linear_finish/finish_rms_norm.cuh linear_finish/finish_rms_norm.cuh "ptx::await_producers();" "")
plant(finish_rope_append_rows.not-awaited linear_finish/finish_rope_append_rows.cuh linear_finish/finish_rope_append_rows.cuh "ptx::await_producers();" "")
plant(finish_silu_mul_rows.not-awaited linear_finish/finish_silu_mul_rows.cuh linear_finish/finish_silu_mul_rows.cuh "ptx::await_producers();" "")

# ---- fragments of tiles in another layout

plant(lora_shrink.fragment-a lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "{low.x, high.x, low.y, high.y}" "{low.x, low.y, high.x, high.y}")
plant(lora_shrink.fragment-b lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "{inputs.z, inputs.w}" "{inputs.w, inputs.z}")
plant(lora_shrink.fragment-d lora_shrink/lora_shrink.cuh lora_shrink/lora_shrink.cuh "lane % 4 * 2 + i % 2" "lane % 4 * 2 + i / 2")
plant(product.fragment-a product/product.cuh product/product.cuh "product_chunk(lane % 16, lane / 16)" "product_chunk(lane / 16 * 8 + lane % 8, lane / 8 % 2)")
plant(product.fragment-b product/product.cuh product/product.cuh "{x[0], x[1]}" "{x[0], x[2]}")
plant(product.fragment-d product/product.cuh product/product.cuh "i % 2 * kProductSumStride + j * 16 + i / 2 * 8" "i / 2 * kProductSumStride + j * 16 + i % 2 * 8")
plant(product.swizzle product/product.cuh product/product.cuh "(lane % 16, lane / 16) ^ quarter" "(lane % 16, lane / 16) + quarter")
plant(attention_decode.query-tiles attention/attention_decode.cuh attention/attention_decode.cuh "query + step * 16 + 8" "query + step * 16")
plant(attention_decode.query-rows attention/attention_decode.cuh attention/attention_decode.cuh "a[step][r + 2]" "a[step][3 - r]")
plant(attention_decode.scores-transposed attention/attention_decode.cuh attention/attention_decode.cuh "{ptx::as_uint(sums[j][2 * r]), ptx::as_uint(sums[j][2 * r + 1])}" "{ptx::as_uint(sums[j][r]), ptx::as_uint(sums[j][r + 2])}")
plant(attention_prefill.key-tiles attention/attention_prefill.cuh attention/tiles.cuh "{k[0], k[1]}" "{k[0], k[2]}")
plant(attention_prefill.values-not-transposed attention/attention_prefill.cuh attention/tiles.cuh "ldmatrix_x4_trans" "ldmatrix_x4")
plant(attention_prefill.weight-order attention/attention_prefill.cuh attention/softmax.cuh "weights[j / 2][j % 2 * 2 + 1]" "weights[j / 2][(j % 2 * 2 + 3) % 4]")
plant(attention_prefill.swizzle attention/attention_prefill.cuh attention/tiles.cuh "values ^ (element * 2)" "values ^ (element * 2 + 16)")
plant(linear_finish.fragment-a linear_finish/linear_finish.cuh linear_finish/expand.cuh
    "{cells.low.row[j][0], cells.low.row[j][1], cells.high.row[j][0], cells.high.row[j][1]}" "{cells.low.row[j][0], cells.high.row[j][0], cells.low.row[j][1], cells.high.row[j][1]}")
plant(linear_finish.fragment-d linear_finish/linear_finish.cuh linear_finish/expand.cuh "delta[0][e], delta[0][2 + e]" "delta[0][2 * e], delta[0][2 * e + 1]")
plant(linear_finish.cells-of-the-pair-before linear_finish/linear_finish.cuh linear_finish/expand.cuh "load_cells(lora, work, block + 2, cells)" "load_cells(lora, work, block, cells)")
plant(linear_finish.values-of-another-pass linear_finish/linear_finish.cuh linear_finish/expand.cuh "work.tile.first_row + first_token + i / ranks" "work.tile.first_row + i / ranks")
plant(linear_finish.planes-behind-the-last linear_finish/linear_finish.cuh common/cells.cuh "plane + i < planes ? partial_row" "plane + i < 4 ? partial_row")
plant(finish_silu_mul.fragment-b linear_finish/finish_silu_mul.cuh linear_finish/expand.cuh "value_pair(work, v, n * 8, count, block + 1)" "value_pair(work, v, n * 8, count, block)")
plant(finish_silu_mul.fragment-d linear_finish/finish_silu_mul.cuh linear_finish/finish_silu_mul.cuh "work.column + lane / 4 * 8" "work.column + lane % 8 * 8")
plant(finish_silu_mul.deltas-of-the-row-before linear_finish/finish_silu_mul.cuh linear_finish/finish_silu_mul.cuh "(gate || up ? i : 0)" "(gate || up ? i / 2 : 0)")

# Windows, bounds, offsets and activations.
plant(attention_plain.window-off-by-one attention/attention_plain.cuh attention/attention_plain.cuh "ordinal + 1 - p.window" "ordinal - p.window")
plant(attention_plain.window-of-whole-blocks attention/attention_plain.cuh attention/attention_plain.cuh "larger(0, oldest - first)" "0")
plant(attention_plain.no-cap attention/attention_plain.cuh attention/attention_plain.cuh "p.cap > 0 ?" "false ?")
plant(attention_merge.splits-before-the-window attention/attention_merge.cuh attention/attention_merge.cuh "first + skipped, splits" "first, splits")
set(decode attention/attention_decode.cuh)
plant(attention_decode_windowed.window-off-by-one ${decode} attention/softmax.cuh "static_cast<uint32_t>(window)" "static_cast<uint32_t>(window + 1)")
plant(attention_decode_windowed.hidden-too-late ${decode} attention/softmax.cuh "begin <= last - window" "begin < last - window")
plant(attention_decode_windowed.begins-a-tile-late ${decode} attention/tiles.cuh "Windowed ? item.begin_ordinal" "Windowed ? item.begin_ordinal + 64")
plant(attention_decode_windowed.sink-of-the-first-head ${decode} attention/softmax.cuh "(p.sinks)[rows.row[r].head]" "(p.sinks)[0]")
plant(attention_decode_windowed.sink-in-every-split ${decode} ${decode} "state.finish(scale);" "state.finish(scale); merge_sinks(p, rows, state);")
plant(attention_decode_windowed.sink-leaves-the-values ${decode} attention/softmax.cuh "merged.rescale(before);" "")
plant(attention_decode_windowed.bounds-unscaled-scores ${decode} attention/softmax.cuh "capped(scores[j][i] * p.scale, p.cap)" "capped(scores[j][i], p.cap)")
plant(attention_decode_windowed.bounded-scores-scaled-again ${decode} attention/softmax.cuh "Windowed && p.cap > 0 ? 1.0f : p.scale" "p.scale")
set(prefill attention/attention_prefill.cuh)
plant(attention_prefill_windowed.window-off-by-one ${prefill} attention/softmax.cuh "static_cast<uint32_t>(window)" "static_cast<uint32_t>(window + 1)")
plant(attention_prefill_windowed.passed-over-too-soon ${prefill} ${prefill} "SRV_ATTENTION_BLOCK - 1 > rows.least" "SRV_ATTENTION_BLOCK - 2 > rows.least")
plant(attention_prefill_windowed.sink-in-every-split ${prefill} ${prefill} "merged.merge(state);" "merged.merge(state); merge_sinks(p, rows, merged);")
plant(attention_prefill_windowed.no-cap ${prefill} ${prefill} "bound_scores<Windowed>(p, scores);" "")
plant(attention_prefill_wgmma_windowed.window-off-by-one ${wgmma} attention/softmax.cuh "static_cast<uint32_t>(window)" "static_cast<uint32_t>(window + 1)")
plant(attention_prefill_wgmma_windowed.no-sink ${wgmma} ${wgmma} "merge_sinks(p, rows, state);" "")
plant(attention_prefill_wgmma_windowed.no-cap ${wgmma} attention/softmax_wide.cuh "bound_scores<Windowed>(p, scores);" "")
plant(cap.first-row-again cap/cap.cuh cap/cap.cuh "unit / chunks, p.stride" "0, p.stride")
plant(cap.columns-behind-the-last cap/cap.cuh cap/cap.cuh "i < p.columns" "i < k + 4")
plant(embed.unscaled embed/embed.cuh embed/embed.cuh "{{x.v[0] * by," "{{x.v[0],")
plant(layer_norm.no-barrier-in-its-sums layer_norm/layer_norm.cuh common/reduce.cuh
[[
    ptx::barrier();
    float total = 0;]]
[[
    float total = 0;]])
plant(layer_norm.one-place-for-both-sums layer_norm/layer_norm.cuh layer_norm/layer_norm.cuh "scratch + 8" "scratch")
plant(layer_norm.mean-kept layer_norm/layer_norm.cuh layer_norm/layer_norm.cuh "(v.v[i] - mean) * factor" "v.v[i] * factor")
plant(layer_norm.squares-without-the-mean layer_norm/layer_norm.cuh layer_norm/layer_norm.cuh "v.v[i] - mean, v.v[i] - mean, sum" "v.v[i], v.v[i], sum")
plant(layer_norm.no-offset layer_norm/layer_norm.cuh layer_norm/layer_norm.cuh "(offset + w)" "w")
plant(layer_norm.no-bias layer_norm/layer_norm.cuh layer_norm/layer_norm.cuh " + b; }" "; }")
plant(layer_norm.weights-of-the-first-group layer_norm/layer_norm.cuh layer_norm/layer_norm.cuh "at<const uint16_t>(p.weight) + first" "at<const uint16_t>(p.weight)")
plant(activate.always-gelu activate/activate.cuh activate/activate.cuh "activation == SRV_MLP_GELU" "true")
plant(activate.slope-below activate/activate.cuh activate/activate.cuh "(b + n)" "n")
plant(activate.series-of-everything activate/activate.cuh activate/activate.cuh "x < -0.5f" "false")
plant(rope_append.weights-before-the-rotation rope_append/rope_append.cuh rope_append/append_head.cuh "by.turned ? x[i] * by.factor : " "")
plant(activate.not-squared activate/activate.cuh activate/activate.cuh "positive * positive :" "positive :")
plant(activate.columns-behind-the-last activate/activate.cuh activate/activate.cuh "smaller((unit % chunks + 1) * kColumns, p.columns)" "(unit % chunks + 1) * kColumns")
plant(cap.no-bias cap/cap.cuh cap/cap.cuh "p.bias == 0" "true")
plant(rms_norm.no-offset rms_norm/rms_norm.cuh rms_norm/rms_norm.cuh "p.offset + w.v[i]" "w.v[i]")
plant(rms_norm.written-over rms_norm/rms_norm.cuh rms_norm/rms_norm.cuh "{{before.v[0] + value.v[0]," "{{value.v[0],")
# Recurrent states.
set(rule recurrence/delta_rule.cuh)
set(convolution recurrence/convolution.cuh)
plant_each(delta_rule.no-barrier ${rule} ${rule} "ptx::barrier();" "")
plant(delta_rule.next-page-too-late ${rule} recurrence/state.cuh "place >= state.page_floats" "place > state.page_floats + 15")
plant(delta_rule.page-of-the-first ${rule} recurrence/state.cuh "page++;" "")
plant(delta_rule.version-of-the-first ${rule} recurrence/state.cuh "at<const int>(of.list) + version + pages" "at<const int>(of.list) + pages")
plant(delta_rule.state-from-its-beginning ${rule} recurrence/state.cuh "static_cast<uint32_t>(of.first) + " "")
plant(delta_rule.zeros-read ${rule} ${rule} "if (version < 0) {" "if (true) {")
plant(delta_rule.first-key-head ${rule} ${rule} "head / (p.value_heads / p.key_heads)" "head % p.key_heads")
plant(delta_rule.query-not-scaled ${rule} ${rule} "factor * p.query_scale" "factor")
plant(delta_rule.written-after-the-query ${rule} ${rule} "ptx::fma(scalar[kQueryKey * SRV_DELTA_ROWS] * query_factor, by_key, query_factor * of_query)" "query_factor * of_query")
plant(delta_rule.decay-behind-the-read ${rule} ${rule} "key_factor * of_key)" "key_factor * of_key / decay)")
plant(delta_rule.value-of-the-next-row ${rule} ${rule} "const float v = next;" "const float v = row + 1 < rows ? values[static_cast<int64_t>(row + 1) * p.input_stride] : next;")
plant(delta_rule.no-bias-of-decay ${rule} ${rule} " + at<const float>(p.decay_bias)[head]" "")
plant(delta_rule.large-rates-overflow ${rule} ${rule} "x > 20.0f ? x : " "")
plant(delta_rule.keys-behind-the-last ${rule} ${rule} "element < p.key_size ? from[p.key_heads * p.key_size] : 0.0f" "from[p.key_heads * p.key_size]")
plant(delta_rule.columns-behind-the-last ${rule} ${rule}
[[
        if (column < p.value_size) {
            store_state]]
[[
        {
            store_state]])
plant(convolution.state-of-the-read-version ${convolution} ${convolution} "sequence.state_write, (tap - 1)" "sequence.state_read, (tap - 1)")
plant(convolution.state-off-by-a-row ${convolution} ${convolution} "p.taps - 1 - (back - place)" "p.taps - 2 - (back - place)")
plant(convolution.rows-of-the-sequence-before ${convolution} ${convolution} "back <= place" "back <= place + 1")
plant(convolution.written-by-every-row ${convolution} ${convolution} "if (is_last && tap" "if (place > 0 && tap")
plant(convolution.first-four-taps ${convolution} ${convolution} "first < p.taps; first += 4" "first < smaller(p.taps, 3); first += 4")
plant(convolution.no-bias ${convolution} ${convolution} "p.bias == 0 ?" "true ?")
plant(convolution.state-of-another-first ${convolution} recurrence/state.cuh "place = static_cast<int>(from - pages * static_cast<uint32_t>(of.page_floats));" "place = static_cast<int>(from);")
plant(sigmoid_mul.gate-of-the-first-columns sigmoid_mul/sigmoid_mul.cuh sigmoid_mul/sigmoid_mul.cuh "load_floats(gate + k)" "load_floats(gate + k % 64)")
plant(sigmoid_mul.columns-behind-the-last sigmoid_mul/sigmoid_mul.cuh sigmoid_mul/sigmoid_mul.cuh "smaller((unit % chunks + 1) * kColumns, p.columns)" "(unit % chunks + 1) * kColumns")
plant(silu_mul.always-silu silu_mul/silu_mul.cuh silu_mul/silu.cuh "activation == SRV_GATE_SILU" "true")
plant(finish_silu_mul.always-silu linear_finish/finish_silu_mul.cuh linear_finish/finish_silu_mul.cuh "x.up.v[i], p.mode" "x.up.v[i], SRV_GATE_SILU")
plant(finish_silu_mul_rows.always-silu linear_finish/finish_silu_mul_rows.cuh linear_finish/finish_silu_mul.cuh "x.up.v[i], p.mode" "x.up.v[i], SRV_GATE_SILU")

# ---- keys and values of integers

set(integers attention/integers.cuh)
plant(attention_decode_int8.tile-not-awaited ${decode} ${decode} "ptx::cp_async_wait<Shared::kStages - 2>();" "ptx::cp_async_wait<Shared::kStages - 1>();")
plant(attention_decode_int8.no-barrier-behind-the-copies ${decode} ${decode}
[[
        ptx::barrier();
        ahead.copy]]
[[
        ahead.copy]])
plant(attention_decode_int8.no-barrier-behind-the-scores ${decode} ${decode}
[[
        ptx::barrier();
        soften_and_weigh]]
[[
        soften_and_weigh]])
plant(attention_decode_int8.next-tokens-scale ${decode} attention/items.cuh "+ within(slot);" "+ (within(slot) ^ 1);")
plant(attention_decode_int8.scores-not-scaled ${decode} ${decode} "scale_tokens<Pages>(sums, scales);" "")
plant(attention_decode_int8.weights-not-scaled ${decode} attention/softmax.cuh "scale_tokens<Pages>(scores, value_scales);" "")
plant(attention_decode_int8.values-by-scales-of-keys ${decode} ${decode} "scales + kTileTokens, tile" "scales, tile")
plant(attention_decode_int8.sum-of-scaled-weights ${decode} attention/softmax.cuh
[[
    soften_scores(scores, scale, state, factor);
    scale_tokens<Pages>(scores, value_scales);]]
[[
    soften_scores(scores, scale, state, factor);
    state.sum[0] -= scores[0][0], state.sum[1] -= scores[0][2];
    scale_tokens<Pages>(scores, value_scales);
    state.sum[0] += scores[0][0], state.sum[1] += scores[0][2];]])
plant(attention_decode_int8.sign-lost ${decode} ${integers} "(word & 0x00800080u) | 0xc300c300u" "0xc300c300u")
plant(attention_decode_int8.pairs-of-the-next-word ${decode} ${integers} "even_integers(word >> 8)" "even_integers(word >> 16)")
plant(attention_decode_int8.queries-in-order ${decode} ${integers} "four.x >> 16 | (four.y & 0xffff0000u)" "four.y")
plant(attention_decode_int8.tokens-behind-the-end ${decode} ${integers} "slot[i] < 0 ? 0 : 16" "16")
plant(attention_decode_int8.scales-behind-the-end ${decode} ${integers} "bytes / 4" "4")
plant(attention_decode_int8.values-of-another-quarter ${decode} ${integers} "(lane, quarter)" "(lane, quarter ^ 1)")
plant(attention_decode_int8.outputs-in-order ${decode} attention/softmax.cuh "j / 2 * 16 + j % 2 * 2" "j * 8")
plant(attention_prefill_int8.no-barrier ${prefill} attention/integer_ring.cuh "ptx::barrier();" "")
plant(attention_prefill_int8.copies-not-awaited ${prefill} attention/integer_ring.cuh "ptx::cp_async_wait<IntegerRing<HeadSize>::kPlaces - 1>();" "")
plant(attention_prefill_int8.copied-over ${prefill} attention/integer_ring.cuh
[[
        ahead.widen(ring.copies[place], ring.tiles[place]);
        ahead.copy(slots, ptx::shared_address(ring.copies[place]));]]
[[
        ahead.copy(slots, ptx::shared_address(ring.copies[place]));
        ahead.widen(ring.copies[place], ring.tiles[place]);]])
plant(attention_prefill_int8.item-not-left ${prefill} ${prefill}
[[
    ptx::cp_async_wait<0>();
    ptx::barrier();]]
[[
    ptx::cp_async_wait<0>();]])
plant(attention_prefill_int8.chunks-in-order ${prefill} ${integers} "odd_first ? odd : even" "even")
plant(attention_prefill_wgmma_int8.copies-not-awaited ${wgmma} attention/integer_panels.cuh "ptx::cp_async_wait<0>();" "")
plant(attention_prefill_wgmma_int8.no-proxy-fence ${wgmma} ${wgmma} "ptx::fence_proxy_async();" "")
plant(attention_prefill_wgmma_int8.scales-of-the-first-tile ${wgmma} attention/integer_panels.cuh "kScalesOffset<HeadSize> + stage * kTileScaleBytes) : nullptr" "kScalesOffset<HeadSize>) : nullptr")
plant(attention_prefill_wgmma_int8.weights-not-scaled ${wgmma} attention/softmax_wide.cuh "scale_tokens<Pages>(scores, scales + kTileTokens);" "")
plant(attention_plain_int8.values-by-scales-of-keys attention/attention_plain.cuh attention/attention_plain.cuh "*slots.scale(slot, 1)" "*slots.scale(slot, 0)")
plant(copy_pages_int8.no-scales copy_pages/copy_pages.cuh copy_pages/copy_pages.cuh "copy_slots<4>(p, layer, SRV_PAGE_TOKENS * p.head_size, Int8Pages::kScale);" "")
plant(copy_pages_int8.one-token-more copy_pages/copy_pages.cuh copy_pages/copy_pages.cuh "in_head / slot_bytes < copy.tokens" "in_head / slot_bytes <= copy.tokens")
plant(rope_append_int8.next-slots-scale rope_append/rope_append.cuh rope_append/append_head.cuh "p.head_size) + slot" "p.head_size) + (slot ^ 1)")
plant(rope_append_int8.largest-of-a-lane rope_append/rope_append.cuh rope_append/append_head.cuh "warp_max(largest.magnitude)" "largest.magnitude")
plant(rope_append_int8.cut-off rope_append/rope_append.cuh rope_append/append_head.cuh "nearest(value * factor)" "value * factor")
plant(rope_append_int8.values-turned rope_append/rope_append.cuh rope_append/append_head.cuh "which == 0 ? p.pair_count : 0" "p.pair_count")
