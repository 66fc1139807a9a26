// SPDX-License-Identifier: Apache-2.0
// Division by a constant, towards zero.
//
// CONFIG_T: members of nnet_elementwise.h (n_params 1), wide_t (signed, holds x and the divisor), divisor.
#ifndef NNET_DIVIDE_H_
#define NNET_DIVIDE_H_

#include "nnet_elementwise.h"

namespace nnet {

template <class CONFIG_T> struct divider {
    static typename CONFIG_T::output_t code(typename CONFIG_T::input_t x, int) {
#pragma HLS INLINE
        return typename CONFIG_T::output_t(typename CONFIG_T::wide_t(x) / typename CONFIG_T::wide_t(CONFIG_T::divisor));
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void divide(DATA_T &data, RES_T &res) {
    elementwise<CONFIG_T, divider<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
