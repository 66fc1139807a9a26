// SPDX-License-Identifier: Apache-2.0
// |code - pivot| of every code.
//
// CONFIG_T: members of nnet_elementwise.h (n_params 1), wide_t (holds codes and pivot, signed), pivot.
#ifndef TOY_DISTANCE_H_
#define TOY_DISTANCE_H_

#include "nnet_elementwise.h"
#include "toy_gap.h"

namespace nnet {

template <class CONFIG_T> struct distance_from {
    static typename CONFIG_T::output_t code(typename CONFIG_T::input_t x, int) {
#pragma HLS INLINE
        typedef typename CONFIG_T::wide_t wide_t;
        return typename CONFIG_T::output_t(gap<wide_t>(wide_t(x), wide_t(CONFIG_T::pivot)));
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void toy_distance(DATA_T &data, RES_T &res) {
    elementwise<CONFIG_T, distance_from<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
