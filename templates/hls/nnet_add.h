// SPDX-License-Identifier: Apache-2.0
// Residual add: both operands decoded to integers, aligned by constant left shifts, and summed exactly.
//
// CONFIG_T: n_elem codes in vectors of `lanes`; left_t, right_t, output_t; left(code) and right(code), static functions
// that give an operand's aligned integer.
#ifndef NNET_ADD_H_
#define NNET_ADD_H_

#include "nnet_types.h"

namespace nnet {

template <class CONFIG_T>
void add_lanes(const typename CONFIG_T::left_t *left, const typename CONFIG_T::right_t *right, typename CONFIG_T::output_t *res) {
#pragma HLS INLINE
AddLanes:
    for (int lane = 0; lane < CONFIG_T::lanes; lane++) {
#pragma HLS UNROLL
        res[lane] = CONFIG_T::left(left[lane]) + CONFIG_T::right(right[lane]);
    }
}

// io_parallel
template <class CONFIG_T>
void add(const typename CONFIG_T::left_t left[CONFIG_T::n_elem], const typename CONFIG_T::right_t right[CONFIG_T::n_elem],
         typename CONFIG_T::output_t res[CONFIG_T::n_elem]) {
AddArray:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::lanes) {
#pragma HLS PIPELINE II=1
        add_lanes<CONFIG_T>(left + first, right + first, res + first);
    }
}

// io_stream
template <class CONFIG_T>
void add(stream<beat<typename CONFIG_T::left_t, CONFIG_T::lanes>> &left,
         stream<beat<typename CONFIG_T::right_t, CONFIG_T::lanes>> &right,
         stream<beat<typename CONFIG_T::output_t, CONFIG_T::lanes>> &res) {
AddStream:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::lanes) {
#pragma HLS PIPELINE II=1
        const beat<typename CONFIG_T::left_t, CONFIG_T::lanes> x = left.read();
        const beat<typename CONFIG_T::right_t, CONFIG_T::lanes> y = right.read();
        beat<typename CONFIG_T::output_t, CONFIG_T::lanes> sum;
        add_lanes<CONFIG_T>(x.data, y.data, sum.data);
        res.write(sum);
    }
}

} // namespace nnet

#endif
