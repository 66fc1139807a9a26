// SPDX-License-Identifier: Apache-2.0
// Kernel of symbolic accumulation: products and partial sums are symbols; every sum is read from the add table.
//
// The result depends on the tap order. Ripple: left to right. Tree: neighbours pairwise, an odd one out passes to the
// next round; computed with one partial sum a tree level, as a binary counter carries, so that taps arrive in order and
// no more than log2(n_in) + 1 symbols an output are kept. No multiplier, no adder.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), tree_order, and
//   product[n_activation_symbols][n_weight_symbols], add[n_sum_symbols][n_sum_symbols]   symbols
//   weights[groups][n_in][n_out]                                                         weight symbols
#ifndef NNET_KERNEL_SYMBOLIC_H_
#define NNET_KERNEL_SYMBOLIC_H_

#include "nnet_types.h"

namespace nnet {

// Levels of the adder tree over `taps` leaves: bits of the count.
constexpr int tree_levels(int taps) { return taps == 0 ? 0 : 1 + tree_levels(taps >> 1); }

template <class CONFIG_T> struct symbolic_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;

    static const int levels = CONFIG_T::tree_order ? tree_levels(CONFIG_T::n_in) : 1;

    // The tree level that takes the sum after `tap`: the number of its trailing ones. Ripple has one level only.
    static int level_after(int tap) {
        int level = 0;
        while (CONFIG_T::tree_order && ((tap >> level) & 1)) {
            level++;
        }
        return level;
    }

    // Adds symbols to the sums of one level; the lanes of a beat start at `output`.
    static void join(const acc_t sums[CONFIG_T::n_out], int output, acc_t symbols[fold<CONFIG_T>::pe]) {
#pragma HLS INLINE
    SymbolicJoin:
        for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
#pragma HLS UNROLL
            symbols[pe] = CONFIG_T::add[int(sums[output + pe])][int(symbols[pe])];
        }
    }

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        acc_t partial[levels][CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=partial complete dim=0

    SymbolicTaps:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        SymbolicOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE
            SymbolicLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const auto &row = CONFIG_T::product[int(window[tap + simd])];
                    const auto &weights = CONFIG_T::weights[group][tap + simd];
                    const int top = level_after(tap + simd);
                    acc_t symbols[fold<CONFIG_T>::pe];
#pragma HLS ARRAY_PARTITION variable=symbols complete
                SymbolicProducts:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        symbols[pe] = row[int(weights[output + pe])];
                    }
                    if (!CONFIG_T::tree_order && tap + simd > 0) {
                        join(partial[0], output, symbols);
                    }
                SymbolicCarry: // levels below `top` hold complete sums
                    for (int level = 0; level < levels; level++) {
                        if (level < top) {
                            join(partial[level], output, symbols);
                        }
                    }
                SymbolicStore:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        partial[top][output + pe] = symbols[pe];
                    }
                }
            }
        }
        finish(partial, acc);
    }

    // Joins the subtrees that are left, smallest first.
    static void finish(const acc_t partial[levels][CONFIG_T::n_out], acc_t acc[CONFIG_T::n_out]) {
    SymbolicFinish:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS PIPELINE
            acc_t symbol = 0;
            bool found = false;
        SymbolicLevels:
            for (int level = 0; level < levels; level++) {
                if (!CONFIG_T::tree_order || ((CONFIG_T::n_in >> level) & 1)) {
                    symbol = found ? CONFIG_T::add[int(partial[level][output])][int(symbol)] : partial[level][output];
                    found = true;
                }
            }
            acc[output] = symbol;
        }
    }
};

} // namespace nnet

#endif
