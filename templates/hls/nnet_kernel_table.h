// SPDX-License-Identifier: Apache-2.0
// Kernel of codebook products: sum over taps of table[activation symbol][weight symbol], exact integers.
//
// A tap selects one row of the table for all outputs, so the row is read once and each lane picks its entry by weight
// symbol: with at most 6 index bits that is one LUT6 a product bit. No multiplier.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), and
//   table[n_activation_symbols][n_weight_symbols]   products
//   weights[groups][n_in][n_out]                    weight symbols
#ifndef NNET_KERNEL_TABLE_H_
#define NNET_KERNEL_TABLE_H_

#include "nnet_types.h"

namespace nnet {

#ifdef DIETCNN_AP_TYPES

template <class CONFIG_T> struct table_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
    TableReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            acc[output] = 0;
        }

    TableTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        TableOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            TableLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const auto &row = CONFIG_T::table[int(window[tap + simd])];
                    const auto &weights = CONFIG_T::weights[group][tap + simd];
                TableProducts:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        acc[output + pe] += row[int(weights[output + pe])];
                    }
                }
            }
        }
    }
};

#else

// What one tap and an activation symbol give for every output: entries of the table's row, picked by weight symbol.
template <class CONFIG_T, bool SPREAD> struct product_rows {
    struct row {
        const typename CONFIG_T::table_t *entries;
        const typename CONFIG_T::weights_t *weights;
        typename CONFIG_T::table_t operator[](int output) const { return entries[weights[output]]; }
    };

    static row get(int group, int tap, int symbol) { return {CONFIG_T::table[symbol], CONFIG_T::weights[group][tap]}; }
};

// The same, spread out in memory once, so that summing over taps is an addition of vectors.
template <class CONFIG_T> struct product_rows<CONFIG_T, true> {
    typedef typename CONFIG_T::table_t table_t;
    table_t products[CONFIG_T::groups][CONFIG_T::n_in][CONFIG_T::n_activation_symbols][CONFIG_T::n_out];

    product_rows() {
        for (int group = 0; group < CONFIG_T::groups; group++) {
            for (int tap = 0; tap < CONFIG_T::n_in; tap++) {
                for (int symbol = 0; symbol < CONFIG_T::n_activation_symbols; symbol++) {
                    for (int output = 0; output < CONFIG_T::n_out; output++) {
                        products[group][tap][symbol][output] = CONFIG_T::table[symbol][CONFIG_T::weights[group][tap][output]];
                    }
                }
            }
        }
    }

    static const table_t *get(int group, int tap, int symbol) {
        static const product_rows rows;
        return rows.products[group][tap][symbol];
    }
};

template <class CONFIG_T> struct table_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;

    // Beyond the caches the spread copy gains nothing.
    static const long long spread_size = 1LL * CONFIG_T::groups * CONFIG_T::n_in * CONFIG_T::n_activation_symbols * CONFIG_T::n_out;
    typedef product_rows<CONFIG_T, (spread_size <= 1 << 23)> rows;

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        acc_t sums[CONFIG_T::n_out] = {};
        int tap = 0;
        for (; tap + 4 <= CONFIG_T::n_in; tap += 4) { // four at a time: the sums go to memory and back a quarter as often
            const auto a = rows::get(group, tap, window[tap]), b = rows::get(group, tap + 1, window[tap + 1]);
            const auto c = rows::get(group, tap + 2, window[tap + 2]), d = rows::get(group, tap + 3, window[tap + 3]);
            for (int output = 0; output < CONFIG_T::n_out; output++) {
                sums[output] += a[output] + b[output] + c[output] + d[output];
            }
        }
        for (; tap < CONFIG_T::n_in; tap++) {
            const auto row = rows::get(group, tap, window[tap]);
            for (int output = 0; output < CONFIG_T::n_out; output++) {
                sums[output] += row[output];
            }
        }
        for (int output = 0; output < CONFIG_T::n_out; output++) {
            acc[output] = sums[output];
        }
    }
};

#endif

} // namespace nnet

#endif
