// SPDX-License-Identifier: Apache-2.0
// Table from symbol to symbol, one a channel or one for all: bias, batch-norm and ReLU behind symbolic accumulation.
//
// CONFIG_T: members of nnet_elementwise.h, and table[n_params][n_symbols].
#ifndef NNET_SYMBOL_MAP_H_
#define NNET_SYMBOL_MAP_H_

#include "nnet_elementwise.h"

namespace nnet {

template <class CONFIG_T> struct symbol_table {
    static typename CONFIG_T::output_t code(typename CONFIG_T::input_t x, int channel) {
#pragma HLS INLINE
        return CONFIG_T::table[channel][int(x)];
    }
};

template <class CONFIG_T, class DATA_T, class RES_T> void symbol_map(DATA_T &data, RES_T &res) {
    elementwise<CONFIG_T, symbol_table<CONFIG_T>>(data, res);
}

} // namespace nnet

#endif
