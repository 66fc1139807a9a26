// SPDX-License-Identifier: Apache-2.0
// Two streams one behind the other, piece by piece: concatenation along an axis, on one grid.
//
// CONFIG_T: `pieces` times left_codes and right_codes codes, in vectors of left_lanes, right_lanes and lanes; left_t, right_t,
// output_t; left(code) and right(code), static functions that give a code on the result's grid.
#ifndef NNET_JOIN_H_
#define NNET_JOIN_H_

#include "nnet_types.h"

namespace nnet {

// io_parallel
template <class CONFIG_T>
void join(const typename CONFIG_T::left_t left[CONFIG_T::pieces * CONFIG_T::left_codes],
          const typename CONFIG_T::right_t right[CONFIG_T::pieces * CONFIG_T::right_codes],
          typename CONFIG_T::output_t res[CONFIG_T::pieces * (CONFIG_T::left_codes + CONFIG_T::right_codes)]) {
JoinPieces:
    for (int piece = 0; piece < CONFIG_T::pieces; piece++) {
        const int start = piece * (CONFIG_T::left_codes + CONFIG_T::right_codes);
    JoinLeft:
        for (int i = 0; i < CONFIG_T::left_codes; i++) {
#pragma HLS UNROLL
            res[start + i] = CONFIG_T::left(left[piece * CONFIG_T::left_codes + i]);
        }
    JoinRight:
        for (int i = 0; i < CONFIG_T::right_codes; i++) {
#pragma HLS UNROLL
            res[start + CONFIG_T::left_codes + i] = CONFIG_T::right(right[piece * CONFIG_T::right_codes + i]);
        }
    }
}

// io_stream: codes wait in a register until a vector of the result is full
template <class CONFIG_T>
void join(stream<beat<typename CONFIG_T::left_t, CONFIG_T::left_lanes>> &left,
          stream<beat<typename CONFIG_T::right_t, CONFIG_T::right_lanes>> &right,
          stream<beat<typename CONFIG_T::output_t, CONFIG_T::lanes>> &res) {
    beat<typename CONFIG_T::output_t, CONFIG_T::lanes> part;
    int count = 0;
JoinStreamPieces:
    for (int piece = 0; piece < CONFIG_T::pieces; piece++) {
    JoinStreamLeft:
        for (int first = 0; first < CONFIG_T::left_codes; first += CONFIG_T::left_lanes) {
            const beat<typename CONFIG_T::left_t, CONFIG_T::left_lanes> x = left.read();
            for (int lane = 0; lane < CONFIG_T::left_lanes; lane++) {
                part[count++] = CONFIG_T::left(x[lane]);
                if (count == CONFIG_T::lanes) {
                    res.write(part);
                    count = 0;
                }
            }
        }
    JoinStreamRight:
        for (int first = 0; first < CONFIG_T::right_codes; first += CONFIG_T::right_lanes) {
            const beat<typename CONFIG_T::right_t, CONFIG_T::right_lanes> x = right.read();
            for (int lane = 0; lane < CONFIG_T::right_lanes; lane++) {
                part[count++] = CONFIG_T::right(x[lane]);
                if (count == CONFIG_T::lanes) {
                    res.write(part);
                    count = 0;
                }
            }
        }
    }
}

} // namespace nnet

#endif
