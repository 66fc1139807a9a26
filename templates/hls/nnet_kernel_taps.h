// SPDX-License-Identifier: Apache-2.0
// Kernel of tables of single taps: every output adds one entry a tap, picked by a part of the input code's bits.
//
// Formula: acc[m] = sum_t table[t][k][m], k the low bits of floor or round(code_t * 2^-shifts[m][t]). No multiplier.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), and
//   n_entries, half_up                              entries of a table, a power of two; whether indices are rounded
//   table[n_in][n_entries][n_out * groups]          entries
//   shifts[groups][n_in][n_out]                     bits below each index
#ifndef NNET_KERNEL_TAPS_H_
#define NNET_KERNEL_TAPS_H_

#include "nnet_types.h"

namespace nnet {

template <class CONFIG_T> struct taps_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;

    static int index(int code, int shift) {
#pragma HLS INLINE
        const int half = CONFIG_T::half_up && shift > 0 ? 1 << (shift - 1) : 0;
        return ((code + half) >> shift) & (CONFIG_T::n_entries - 1);
    }

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        const int first = group * CONFIG_T::n_out;
    TapsReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            acc[output] = 0;
        }

    TapsInputs:
        for (int tap = 0; tap < CONFIG_T::n_in; tap += fold<CONFIG_T>::simd) {
        TapsOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            TapsLanes:
                for (int simd = 0; simd < fold<CONFIG_T>::simd; simd++) {
                    const int code = int(window[tap + simd]);
                    const auto &tables = CONFIG_T::table[tap + simd];
                    const auto &shifts = CONFIG_T::shifts[group][tap + simd];
                TapsEntries:
                    for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                        acc[output + pe] += tables[index(code, int(shifts[output + pe]))][first + output + pe];
                    }
                }
            }
        }
    }
};

} // namespace nnet

#endif
