// SPDX-License-Identifier: Apache-2.0
// Table from code to integer, one a channel or one for all: any function of one value.
//
// CONFIG_T: members of nnet_elementwise.h, table[n_params][codes] and first_code, the code of its first column.
#ifndef NNET_VALUE_MAP_H_
#define NNET_VALUE_MAP_H_

#include "nnet_elementwise.h"

namespace nnet {

template <class CONFIG_T> struct value_table {
    static typename CONFIG_T::output_t code(typename CONFIG_T::input_t x, int channel) {
#pragma HLS INLINE
        return CONFIG_T::table[channel][int(x) - CONFIG_T::first_code];
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void value_map(DATA_T &data, RES_T &res) {
    elementwise<CONFIG_T, value_table<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
