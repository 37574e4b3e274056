// Where the floats of a version lie.
#pragma once
#include "../common/memory.cuh"
#include "params.h"

// Goes through a version float by float, or row by row: one division to begin with, none after it.
struct StateWalk {
    const srv_state& state;
    const int* page;
    int place;
    float* floats;

    // From float index of the op's part on, of the version that begins at entry version of the step's list.
    SRV_DEVICE StateWalk(const srv_state& of, int version, int index) : state(of) {
        const uint32_t from = static_cast<uint32_t>(of.first) + static_cast<uint32_t>(index);
        const uint32_t pages = from / static_cast<uint32_t>(of.page_floats);
        page = at<const int>(of.list) + version + pages;
        place = static_cast<int>(from - pages * static_cast<uint32_t>(of.page_floats));
        floats = page_floats();
    }

    SRV_DEVICE float* page_floats() const { return at<float>(state.pages) + static_cast<int64_t>(*page) * state.page_floats; }

    SRV_DEVICE float& here() const { return floats[place]; }

    // Onwards by no more than a page: only to where the version still is.
    SRV_DEVICE void go(int by) {
        place += by;
        if (place >= state.page_floats) {
            place -= state.page_floats;
            page++;
            floats = page_floats();
        }
    }
};
