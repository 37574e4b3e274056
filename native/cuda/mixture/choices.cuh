// Where the choices of a step lie; params.h says how they are numbered and sorted.
#pragma once
#include "../common/memory.cuh"

// The words of SRV_ROUTE_ROWS rows, one for each expert.
SRV_DEVICE uint32_t* marks_of(const srv_mixture& mixture, int group) { return at<uint32_t>(mixture.marks) + static_cast<int64_t>(group) * mixture.expert_count; }

SRV_DEVICE int route_groups(const srv_mixture& mixture) { return ceil_div(count_at(mixture.row_count), SRV_ROUTE_ROWS); }

SRV_DEVICE int choices_of(const srv_mixture& mixture) { return count_at(mixture.row_count) * mixture.choice_count; }
