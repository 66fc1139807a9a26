// SPDX-License-Identifier: Apache-2.0
// Two streams combined code by code: decoded integers, aligned by constant left shifts; difference, product, maximum or minimum.
// One code of the second operand serves `share` codes of the first.
//
// CONFIG_T: n_elem codes in vectors of `lanes`; share: 1, or the first operand's channels, a multiple of lanes; left_t, right_t,
// output_t; left(code) and right(code), static functions that give an operand's aligned integer; apply(a, b), the result.
#ifndef NNET_COMBINE_H_
#define NNET_COMBINE_H_

#include "nnet_types.h"

namespace nnet {

// io_parallel
template <class CONFIG_T>
void combine(const typename CONFIG_T::left_t left[CONFIG_T::n_elem],
             const typename CONFIG_T::right_t right[CONFIG_T::n_elem / CONFIG_T::share],
             typename CONFIG_T::output_t res[CONFIG_T::n_elem]) {
CombineArray:
    for (int i = 0; i < CONFIG_T::n_elem; i++) {
#pragma HLS UNROLL factor=CONFIG_T::lanes
        res[i] = CONFIG_T::apply(CONFIG_T::left(left[i]), CONFIG_T::right(right[i / CONFIG_T::share]));
    }
}

// io_stream
template <class CONFIG_T>
void combine(stream<beat<typename CONFIG_T::left_t, CONFIG_T::lanes>> &left,
             stream<beat<typename CONFIG_T::right_t, (CONFIG_T::share == 1 ? CONFIG_T::lanes : 1)>> &right,
             stream<beat<typename CONFIG_T::output_t, CONFIG_T::lanes>> &res) {
    beat<typename CONFIG_T::right_t, (CONFIG_T::share == 1 ? CONFIG_T::lanes : 1)> y;
CombineStream:
    for (int first = 0; first < CONFIG_T::n_elem; first += CONFIG_T::lanes) {
#pragma HLS PIPELINE II=1
        const beat<typename CONFIG_T::left_t, CONFIG_T::lanes> x = left.read();
        if (first % CONFIG_T::share == 0) {
            y = right.read();
        }
        beat<typename CONFIG_T::output_t, CONFIG_T::lanes> result;
    CombineLanes:
        for (int lane = 0; lane < CONFIG_T::lanes; lane++) {
#pragma HLS UNROLL
            result[lane] = CONFIG_T::apply(CONFIG_T::left(x[lane]), CONFIG_T::right(y[CONFIG_T::share == 1 ? lane : 0]));
        }
        res.write(result);
    }
}

} // namespace nnet

#endif
