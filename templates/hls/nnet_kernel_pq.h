// SPDX-License-Identifier: Apache-2.0
// Kernel of product quantisation: each subspace of the window is encoded to a symbol once, then every output adds one table
// entry a subspace and shifts the sum to the common grid.
//
// Formula: acc[m] = (sum_c table[m][c][k_c]) << shifts[m]. With `tree`, k_c is the leaf of a balanced binary decision tree
// whose node n compares one input with one threshold and leads to node 2n + 1 or, from the threshold on, 2n + 2: no multiplier.
// Without, k_c is the nearest prototype (the first of equals): it multiplies, and is for C simulation only.
//
// CONFIG_T: n_in, n_out, groups, pe, simd, input_t, acc_t (see README.md), and
//   n_subspaces, n_subspace, n_symbols, depth           C, V, K and, with `tree`, log2(K)
//   table[n_subspaces][n_symbols][n_out * groups]       signed entries
//   shifts[n_out * groups]                              left shifts
//   elements, thresholds[n_subspaces][n_symbols - 1]    taps that the nodes look at, and thresholds (with `tree`)
//   members[n_subspaces][n_subspace]                    taps of each subspace (without), and
//   prototypes[n_subspaces][n_symbols][n_subspace]      prototypes
//   decode, first_code, integers                        input codes to integers, as in nnet_kernel_multiply.h (without `tree`)
#ifndef NNET_KERNEL_PQ_H_
#define NNET_KERNEL_PQ_H_

#include "nnet_kernel_multiply.h"
#include "nnet_types.h"

namespace nnet {

// The symbol of one subspace.
template <class CONFIG_T, bool TREE> struct pq_encoder {
    typedef typename CONFIG_T::input_t input_t;

    static int symbol(const input_t window[CONFIG_T::n_in], int subspace) {
#pragma HLS INLINE
        int node = 0;
    PqLevels:
        for (int level = 0; level < CONFIG_T::depth; level++) {
#pragma HLS UNROLL
            const int element = int(CONFIG_T::elements[subspace][node]);
            const bool right = int(window[element]) >= int(CONFIG_T::thresholds[subspace][node]);
            node = node + node + (right ? 2 : 1);
        }
        return node - (CONFIG_T::n_symbols - 1);
    }
};

template <class CONFIG_T> struct pq_encoder<CONFIG_T, false> {
    typedef typename CONFIG_T::input_t input_t;
    typedef operand<CONFIG_T, CONFIG_T::decode> operand_t;

    static int symbol(const input_t window[CONFIG_T::n_in], int subspace) {
        long long best = 0;
        int nearest = -1;
        for (int symbol = 0; symbol < CONFIG_T::n_symbols; symbol++) {
            long long distance = 0;
            for (int v = 0; v < CONFIG_T::n_subspace; v++) {
                const long long x = int(operand_t::of(window[int(CONFIG_T::members[subspace][v])]));
                const long long p = int(CONFIG_T::prototypes[subspace][symbol][v]);
                distance += (x - p) * (x - p);
            }
            if (nearest < 0 || distance < best) {
                best = distance;
                nearest = symbol;
            }
        }
        return nearest;
    }
};

template <class CONFIG_T> struct pq_kernel {
    typedef typename CONFIG_T::input_t input_t;
    typedef typename CONFIG_T::acc_t acc_t;
    static_assert(CONFIG_T::n_subspaces * CONFIG_T::n_subspace == CONFIG_T::n_in, "the subspaces do not make the window");

    static void accumulate(const input_t window[CONFIG_T::n_in], acc_t acc[CONFIG_T::n_out], int group) {
        acc_t sums[CONFIG_T::n_out];
#pragma HLS ARRAY_PARTITION variable=sums complete
        const int first = group * CONFIG_T::n_out;
    PqReset:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            sums[output] = 0;
        }

    PqSubspaces:
        for (int subspace = 0; subspace < CONFIG_T::n_subspaces; subspace++) {
            const int symbol = pq_encoder<CONFIG_T, CONFIG_T::tree>::symbol(window, subspace);
            const auto &entries = CONFIG_T::table[subspace][symbol];
        PqOutputs:
            for (int output = 0; output < CONFIG_T::n_out; output += fold<CONFIG_T>::pe) {
#pragma HLS PIPELINE II=1
            PqLanes:
                for (int pe = 0; pe < fold<CONFIG_T>::pe; pe++) {
                    sums[output + pe] += entries[first + output + pe];
                }
            }
        }

    PqShift:
        for (int output = 0; output < CONFIG_T::n_out; output++) {
#pragma HLS UNROLL
            acc[output] = acc_t(sums[output] << int(CONFIG_T::shifts[first + output]));
        }
    }
};

} // namespace nnet

#endif
