// SPDX-License-Identifier: Apache-2.0
// Any re-arrangement of the codes of an image: permuting axes, cropping, padding, repeating.
//
// CONFIG_T: n_in codes in vectors of in_lanes, n_out in vectors of out_lanes; code_t; fill, the code of what lies outside;
// indices[n_out], the number of each result's code in the input, n_in for `fill`.
#ifndef NNET_GATHER_H_
#define NNET_GATHER_H_

#include "nnet_types.h"

namespace nnet {

template <class CONFIG_T> typename CONFIG_T::code_t gathered(const typename CONFIG_T::code_t *data, int i) {
#pragma HLS INLINE
    const int index = int(CONFIG_T::indices[i]);
    return index == CONFIG_T::n_in ? typename CONFIG_T::code_t(CONFIG_T::fill) : data[index];
}

// io_parallel
template <class CONFIG_T>
void gather(const typename CONFIG_T::code_t data[CONFIG_T::n_in], typename CONFIG_T::code_t res[CONFIG_T::n_out]) {
GatherArray:
    for (int i = 0; i < CONFIG_T::n_out; i++) {
#pragma HLS UNROLL
        res[i] = gathered<CONFIG_T>(data, i);
    }
}

// io_stream
template <class CONFIG_T>
void gather(stream<beat<typename CONFIG_T::code_t, CONFIG_T::in_lanes>> &data,
            stream<beat<typename CONFIG_T::code_t, CONFIG_T::out_lanes>> &res) {
    DIETCNN_BUFFER typename CONFIG_T::code_t codes[CONFIG_T::n_in];
GatherRead:
    for (int first = 0; first < CONFIG_T::n_in; first += CONFIG_T::in_lanes) {
        const beat<typename CONFIG_T::code_t, CONFIG_T::in_lanes> part = data.read();
    GatherReadLanes:
        for (int lane = 0; lane < CONFIG_T::in_lanes; lane++) {
#pragma HLS UNROLL
            codes[first + lane] = part[lane];
        }
    }
GatherWrite:
    for (int first = 0; first < CONFIG_T::n_out; first += CONFIG_T::out_lanes) {
        beat<typename CONFIG_T::code_t, CONFIG_T::out_lanes> part;
    GatherWriteLanes:
        for (int lane = 0; lane < CONFIG_T::out_lanes; lane++) {
#pragma HLS UNROLL
            part[lane] = gathered<CONFIG_T>(codes, first + lane);
        }
        res.write(part);
    }
}

} // namespace nnet

#endif
