// SPDX-License-Identifier: Apache-2.0
// Same codes in the same memory order: copies to the output port, or repacks a stream into beats of another size.
// Where neither is needed a reshape is only another name and calls nothing.
//
// CONFIG_T: n_elem, code_t, and for streams in_lanes and out_lanes.
#ifndef NNET_RESHAPE_H_
#define NNET_RESHAPE_H_

#include "nnet_types.h"

namespace nnet {

// io_parallel
template <class CONFIG_T>
void reshape(const typename CONFIG_T::code_t data[CONFIG_T::n_elem], typename CONFIG_T::code_t res[CONFIG_T::n_elem]) {
ReshapeCopy:
    for (int i = 0; i < CONFIG_T::n_elem; i++) {
#pragma HLS UNROLL
        res[i] = data[i];
    }
}

// io_stream
template <class CONFIG_T>
void reshape(stream<beat<typename CONFIG_T::code_t, CONFIG_T::in_lanes>> &data,
             stream<beat<typename CONFIG_T::code_t, CONFIG_T::out_lanes>> &res) {
    typename CONFIG_T::code_t codes[CONFIG_T::n_elem];
#pragma HLS ARRAY_PARTITION variable=codes complete
ReshapeRead:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::in_lanes) {
        const beat<typename CONFIG_T::code_t, CONFIG_T::in_lanes> part = data.read();
    ReshapeReadLanes:
        for (int lane = 0; lane < CONFIG_T::in_lanes; lane++) {
#pragma HLS UNROLL
            codes[first + lane] = part[lane];
        }
    }
ReshapeWrite:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::out_lanes) {
        beat<typename CONFIG_T::code_t, CONFIG_T::out_lanes> part;
    ReshapeWriteLanes:
        for (int lane = 0; lane < CONFIG_T::out_lanes; lane++) {
#pragma HLS UNROLL
            part[lane] = codes[first + lane];
        }
        res.write(part);
    }
}

} // namespace nnet

#endif
